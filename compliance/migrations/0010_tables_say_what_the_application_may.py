"""What the application's login may do to a table, in the table's comment; `prepare` grants exactly that.

History tables are written by triggers with their owner's rights, so the application only reads them.
"""

from django.db import migrations

MAY = {
    "compliance_ledgerentry": "select, insert",
    "compliance_ledgerleaf": "select, insert",
    "compliance_checkpoint": "select, insert",
    "compliance_consentevent": "select, insert",
    "compliance_approval": "select, insert",
    "compliance_authorship": "select, insert",
    "compliance_reviewitem": "select, insert, update",
    "compliance_wording": "select, insert, update",
    "compliance_packet": "select, insert, update",
    "compliance_consentstate": "select, delete",
    "compliance_imagekey": "nothing",
    "django_migrations": "select",
}


class Migration(migrations.Migration):
    dependencies = [("compliance", "0009_guards_look_in_one_place_only")]
    operations = [
        migrations.RunSQL(f"comment on table {table} is 'application may {may}'", f"comment on table {table} is null")
        for table, may in MAY.items()
    ]
