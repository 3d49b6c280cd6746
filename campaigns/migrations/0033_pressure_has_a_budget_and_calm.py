"""Words have points of urgency and fear; clients have a budget of them; calm closes what presses."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0032_a_page_has_a_last_gate"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="blockversion",
            name="fear",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="blockversion",
            name="lexicon",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="blockversion",
            name="urgency",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="historicalblockversion",
            name="fear",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="historicalblockversion",
            name="lexicon",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="historicalblockversion",
            name="urgency",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="variant",
            name="pressure",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.CreateModel(
            name="WellbeingPolicy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField(unique=True)),
                ("days", models.PositiveSmallIntegerField()),
                ("points", models.PositiveSmallIntegerField()),
                ("signal", models.CharField(blank=True, max_length=40)),
                ("at_least", models.FloatField(null=True)),
                ("closes_pressing", models.BooleanField(default=True)),
                ("topics", models.JSONField(default=list)),
                ("why", models.CharField(max_length=300)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("made_at", models.DateTimeField()),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Calm",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("began_at", models.DateTimeField()),
                ("signal", models.JSONField(null=True)),
                ("reason", models.CharField(max_length=300)),
                ("lift_asked_at", models.DateTimeField(null=True)),
                ("lifted_at", models.DateTimeField(null=True)),
                (
                    "begun_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "lift_asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "lifted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="campaigns.wellbeingpolicy",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="wellbeingpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(("days__gte", 1), ("days__lte", 90)), name="a_budget_is_for_1_to_90_days"
            ),
        ),
        migrations.AddConstraint(
            model_name="wellbeingpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("at_least", None), ("signal", "")),
                    models.Q(models.Q(("signal", ""), _negated=True), ("at_least__isnull", False)),
                    _connector="OR",
                ),
                name="a_signal_of_calm_has_a_size",
            ),
        ),
        migrations.AddConstraint(
            model_name="calm",
            constraint=models.UniqueConstraint(
                models.Value(1), condition=models.Q(("lifted_at", None)), name="one_calm_at_a_time"
            ),
        ),
        migrations.AddConstraint(
            model_name="calm",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("lifted_at", None), ("lifted_by", None)),
                    models.Q(
                        ("lift_asked_by__isnull", False),
                        ("lifted_at__isnull", False),
                        ("lifted_by__isnull", False),
                        models.Q(("lifted_by", models.F("lift_asked_by")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="calm_is_lifted_by_two",
            ),
        ),
    ]
