"""The index by which a client's row images are found, in the form in which queries ask."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("compliance", "0007_topics_and_copy_rules_are_in_the_database")]
    operations = [
        migrations.RunSQL("drop index ledger_client", migrations.RunSQL.noop),
        migrations.RunSQL(
            "create index ledger_client on compliance_ledgerentry ((facts -> 'client_id'), id) "
            "where facts ? 'client_id'",
            "drop index ledger_client; create index ledger_client on compliance_ledgerentry "
            "((facts ->> 'client_id'), id) where facts ? 'client_id'",
        ),
    ]
