"""A block version says who wrote its words: a person, or a machine."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0035_the_guard_of_published_words_is_always_on"),
    ]

    operations = [
        migrations.AddField(
            model_name="blockversion",
            name="provenance",
            field=models.CharField(
                choices=[("person", "A person"), ("edited", "A machine, then a person"), ("generated", "A machine")],
                db_default="person",
                default="person",
                max_length=9,
            ),
        ),
        migrations.AddField(
            model_name="historicalblockversion",
            name="provenance",
            field=models.CharField(
                choices=[("person", "A person"), ("edited", "A machine, then a person"), ("generated", "A machine")],
                db_default="person",
                default="person",
                max_length=9,
            ),
        ),
    ]
