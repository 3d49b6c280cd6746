"""What a consent event may say: a yes names its channel, and nothing is recorded before it happened."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("compliance", "0003_four_eyes_are_in_the_database")]
    operations = [
        migrations.AddConstraint(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("occurred_at__lte", models.F("recorded_at"))),
                name="nothing_is_recorded_before_it_happened",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("action__in", ["given", "confirmed", "imported"]),
                    ("channel", "any"),
                    ("purpose__in", ["service", "marketing", "partner"]),
                    _negated=True,
                ),
                name="a_yes_names_its_channel",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("purpose__in", ["profiling", "measurement", "sensitive"]), _negated=True),
                    ("channel", "any"),
                    _connector="OR",
                ),
                name="a_purpose_without_channels_is_for_all",
            ),
        ),
    ]
