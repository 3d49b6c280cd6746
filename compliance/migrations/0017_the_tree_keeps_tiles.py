"""Roots of full subtrees, so that the proof of one entry reads a few hundred hashes and not the whole tree."""

from django.db import migrations, models

GUARD = """
create trigger only_added_to before update or delete on compliance_ledgertile
    for each row execute function compliance_only_added_to();
create trigger never_truncated before truncate on compliance_ledgertile
    for each statement execute function compliance_only_added_to();
alter table compliance_ledgertile enable always trigger only_added_to;
alter table compliance_ledgertile enable always trigger never_truncated;
comment on table compliance_ledgertile is 'application may select, insert';
"""
UNGUARD = """
drop trigger never_truncated on compliance_ledgertile;
drop trigger only_added_to on compliance_ledgertile;
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0016_changes_of_the_tables_are_kept")]
    operations = [
        migrations.CreateModel(
            name="LedgerTile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("level", models.PositiveSmallIntegerField()),
                ("index", models.BigIntegerField()),
                ("hash", models.BinaryField(max_length=32)),
            ],
            options={"constraints": [models.UniqueConstraint(fields=("level", "index"), name="one_tile_per_place")]},
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
