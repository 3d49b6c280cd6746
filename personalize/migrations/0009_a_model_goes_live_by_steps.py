"""A model waits, then decides in shadow, for a few as a canary, and then for all: each step is a row that people approve."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("personalize", "0008_what_a_merge_moved_is_no_fact"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # What waited in shadow decided nothing; what one person let live has not been approved by two: rules choose.
        migrations.RunSQL("update personalize_artefact set stage = 'retired' where stage = 'live'", "select 1"),
        migrations.AlterField(
            model_name="artefact",
            name="stage",
            field=models.CharField(
                choices=[
                    ("waiting", "Waiting"),
                    ("shadow", "Shadow"),
                    ("canary", "Canary"),
                    ("live", "Live"),
                    ("retired", "Retired"),
                ],
                default="waiting",
                max_length=8,
            ),
        ),
        migrations.RunSQL(
            "update personalize_artefact set stage = 'waiting' where stage = 'shadow'",
            "update personalize_artefact set stage = 'shadow' where stage = 'waiting'",
        ),
        migrations.CreateModel(
            name="ModelStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "to",
                    models.CharField(
                        choices=[("shadow", "Shadow"), ("canary", "Canary"), ("live", "Live")], max_length=8
                    ),
                ),
                ("share", models.FloatField(default=0.0)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("evidence", models.JSONField(default=list)),
                ("asked_at", models.DateTimeField()),
                ("taken_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="artefact",
            name="a_live_model_has_an_owner_a_validator_and_an_end",
        ),
        migrations.AlterField(
            model_name="historicalartefact",
            name="stage",
            field=models.CharField(
                choices=[
                    ("waiting", "Waiting"),
                    ("shadow", "Shadow"),
                    ("canary", "Canary"),
                    ("live", "Live"),
                    ("retired", "Retired"),
                ],
                default="waiting",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="modelstep",
            name="artefact",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="steps", to="personalize.artefact"
            ),
        ),
        migrations.AddField(
            model_name="modelstep",
            name="asked_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="modelstep",
            name="taken_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="artefact",
            name="step",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="personalize.modelstep"
            ),
        ),
        migrations.AddField(
            model_name="historicalartefact",
            name="step",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="personalize.modelstep",
            ),
        ),
        migrations.AddConstraint(
            model_name="artefact",
            constraint=models.UniqueConstraint(
                condition=models.Q(("stage", "canary")), fields=("use_case",), name="one_canary_per_use_case"
            ),
        ),
        migrations.AddConstraint(
            model_name="artefact",
            constraint=models.UniqueConstraint(
                condition=models.Q(("stage", "shadow")), fields=("use_case",), name="one_shadow_per_use_case"
            ),
        ),
        migrations.AddConstraint(
            model_name="artefact",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("stage__in", ["shadow", "canary", "live"]), _negated=True),
                    models.Q(
                        ("expires_at__isnull", False),
                        ("owner__isnull", False),
                        ("validated_at__isnull", False),
                        ("validator__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="a_live_model_has_an_owner_a_validator_and_an_end",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelstep",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("share__gt", 0), ("share__lte", 0.5), ("to", "canary")),
                    models.Q(models.Q(("to", "canary"), _negated=True), ("share", 0)),
                    _connector="OR",
                ),
                name="a_canary_answers_at_most_half_of_the_clients",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelstep",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("taken_at__isnull", True), ("taken_by__isnull", True)),
                    models.Q(("taken_at__isnull", False), ("taken_by__isnull", False)),
                    _connector="OR",
                ),
                name="a_step_is_taken_by_a_person_at_a_time",
            ),
        ),
        migrations.RunSQL(
            "comment on table personalize_modelstep is 'application may select, insert, update';"
            "select compliance_keep_images_of('personalize_modelstep', 'id', '{}');",
            "select compliance_keep_no_images_of('personalize_modelstep');",
        ),
    ]
