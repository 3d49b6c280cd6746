"""What a model in shadow would have chosen is kept beside what was chosen."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0036_words_say_who_wrote_them"),
        ("personalize", "0010_steps_are_taken_in_order"),
    ]

    operations = [
        migrations.CreateModel(
            name="ShadowDecision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("choice", django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), size=None)),
                ("propensity", models.FloatField()),
                ("likely", models.FloatField()),
                ("at", models.DateTimeField()),
                (
                    "artefact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="personalize.artefact"
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="campaigns.message"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("artefact", "message"), name="a_shadow_decides_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("likely__gte", 0),
                            ("likely__lte", 1.000000001),
                            ("propensity__gt", 0),
                            ("propensity__lte", 1),
                        ),
                        name="a_shadow_has_probabilities",
                    ),
                ],
            },
        ),
    ]
