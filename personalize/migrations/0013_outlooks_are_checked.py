"""Looks at use cases that score clients; one is only added."""

import django.db.models.deletion
from django.db import migrations, models

MAKE = """
create trigger only_added_to before update or delete on personalize_outlookcheck
    for each row execute function compliance_only_added_to();
alter table personalize_outlookcheck enable always trigger only_added_to;
comment on table personalize_outlookcheck is 'application may select, insert';
select compliance_keep_images_of('personalize_outlookcheck', 'id', '{}');
"""
DROP = """
select compliance_keep_no_images_of('personalize_outlookcheck');
drop trigger only_added_to on personalize_outlookcheck;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("personalize", "0012_identities_are_spelt"),
    ]

    operations = [
        migrations.CreateModel(
            name="OutlookCheck",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("case", models.SlugField(max_length=64)),
                ("rows", models.PositiveIntegerField()),
                ("positives", models.PositiveIntegerField()),
                ("auc", models.FloatField(null=True)),
                ("auc_rule", models.FloatField(null=True)),
                ("slope", models.FloatField(null=True)),
                ("fault", models.TextField(blank=True)),
                ("made_at", models.DateTimeField()),
                (
                    "artefact",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="personalize.artefact",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["case", "-made_at"], name="outlook_check_newest")],
            },
        ),
        migrations.RunSQL(MAKE, DROP),
    ]
