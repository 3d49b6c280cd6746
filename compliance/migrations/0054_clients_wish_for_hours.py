"""A client may wish in which hours of their day they hear from us."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0053_a_sites_token_has_a_right_of_its_own"),
    ]

    operations = [
        migrations.AddField(
            model_name="preference",
            name="hours",
            field=models.CharField(
                blank=True,
                choices=[
                    ("6-12", "In the morning, 6 to 12"),
                    ("12-18", "In the afternoon, 12 to 18"),
                    ("18-22", "In the evening, 18 to 22"),
                ],
                db_default="",
                default="",
                max_length=5,
            ),
        ),
        migrations.AddConstraint(
            model_name="preference",
            constraint=models.CheckConstraint(
                condition=models.Q(("hours__in", ["", "6-12", "12-18", "18-22"])),
                name="hours_are_wished_as_they_are_offered",
            ),
        ),
    ]
