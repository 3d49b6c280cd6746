"""What was found when live models were looked at is only added to."""

import django.db.models.deletion
from django.db import migrations, models

MAKE = """
create trigger only_added_to before update or delete on campaigns_drift
    for each row execute function compliance_only_added_to();
alter table campaigns_drift enable always trigger only_added_to;
comment on table campaigns_drift is 'application may select, insert';
select compliance_keep_images_of('campaigns_drift', 'id', '{}');
"""
DROP = """
select compliance_keep_no_images_of('campaigns_drift');
drop trigger only_added_to on campaigns_drift;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0026_campaigns_and_blocks_belong_to_desks"),
        ("personalize", "0007_the_guard_of_models_is_always_on"),
    ]

    operations = [
        migrations.CreateModel(
            name="Drift",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("since", models.DateTimeField()),
                ("made_at", models.DateTimeField()),
                ("before", models.PositiveIntegerField()),
                ("now", models.PositiveIntegerField()),
                ("score_psi", models.FloatField(null=True)),
                ("features", models.JSONField(default=list)),
                ("matured", models.PositiveIntegerField()),
                ("slope", models.FloatField(null=True)),
                ("slope_low", models.FloatField(null=True)),
                ("slope_high", models.FloatField(null=True)),
                ("verdict", models.CharField(max_length=10)),
                ("words", models.TextField()),
                (
                    "artefact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="drifts", to="personalize.artefact"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["artefact", "-made_at"], name="drift_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("verdict__in", ["not_enough", "steady", "moved", "drifted"])),
                        name="a_drift_is_known",
                    )
                ],
            },
        ),
        migrations.RunSQL(MAKE, DROP),
    ]
