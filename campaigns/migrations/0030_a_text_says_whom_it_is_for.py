"""A text says for whom it was written: the audience, the markets and the knowledge it was approved for."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0029_a_hold_keeps_messages"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="blockversion",
            name="audience",
            field=models.CharField(
                choices=[("retail", "Anyone"), ("professional", "Professional clients only")],
                db_default="retail",
                default="retail",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="blockversion",
            name="knowledge",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "None"),
                    ("some", "Some investing experience"),
                    ("experienced", "Much investing experience"),
                ],
                db_default="",
                default="",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="blockversion",
            name="markets",
            field=models.JSONField(db_default=[], default=list),
        ),
        migrations.AddField(
            model_name="historicalblockversion",
            name="audience",
            field=models.CharField(
                choices=[("retail", "Anyone"), ("professional", "Professional clients only")],
                db_default="retail",
                default="retail",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="historicalblockversion",
            name="knowledge",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "None"),
                    ("some", "Some investing experience"),
                    ("experienced", "Much investing experience"),
                ],
                db_default="",
                default="",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="historicalblockversion",
            name="markets",
            field=models.JSONField(db_default=[], default=list),
        ),
        migrations.AddConstraint(
            model_name="blockversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("audience__in", ["retail", "professional"]), ("knowledge__in", ["", "some", "experienced"])
                ),
                name="a_text_says_whom_it_is_for",
            ),
        ),
    ]
