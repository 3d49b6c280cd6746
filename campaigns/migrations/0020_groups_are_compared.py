"""What blocks offer, and reports on whether groups get it alike: both are only added to."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0019_clients_of_one_address_take_turns"),
        ("personalize", "0004_event_guards_look_in_one_place_only"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Offer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("beneficial", "Beneficial: anybody should get to see it alike"),
                            ("harmful", "Can do harm: high fees, high risk, credit"),
                        ],
                        max_length=12,
                    ),
                ),
                ("fee_bps", models.PositiveIntegerField(null=True)),
                ("term_days", models.PositiveIntegerField(null=True)),
                ("said_at", models.DateTimeField()),
                (
                    "said_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "version",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="offer", to="campaigns.blockversion"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="FairnessReport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("since", models.DateTimeField(null=True)),
                ("until", models.DateTimeField()),
                ("clients", models.PositiveIntegerField()),
                ("verdict", models.CharField(max_length=12)),
                ("findings", models.JSONField()),
                ("limits", models.JSONField()),
                ("made_by", models.CharField(max_length=80)),
                ("made_at", models.DateTimeField()),
                (
                    "artefact",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="fairness_reports",
                        to="personalize.artefact",
                    ),
                ),
                (
                    "campaign",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="fairness_reports",
                        to="campaigns.campaign",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["campaign", "-made_at"], name="fairness_of_campaign"),
                    models.Index(fields=["artefact", "-made_at"], name="fairness_of_model"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("campaign__isnull", True), ("artefact__isnull", True), _connector="XOR"),
                        name="a_report_is_of_one_thing",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("verdict__in", ["pass", "warn", "not_enough", "fail"])),
                        name="a_verdict_is_known",
                    ),
                ],
            },
        ),
        *(
            migrations.RunSQL(
                f"create trigger only_added_to before update or delete on campaigns_{name} "
                f"for each row execute function compliance_only_added_to();"
                f"alter table campaigns_{name} enable always trigger only_added_to;"
                f"comment on table campaigns_{name} is 'application may select, insert'",
                f"drop trigger only_added_to on campaigns_{name}",
            )
            for name in ("offer", "fairnessreport")
        ),
        *(
            migrations.RunSQL(
                f"select compliance_keep_images_of('campaigns_{name}', 'id', '{left_out}')",
                f"select compliance_keep_no_images_of('campaigns_{name}')",
            )
            for name, left_out in (("offer", "{}"), ("fairnessreport", "{findings}"))
        ),
    ]
