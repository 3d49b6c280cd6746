"""What a machine could not do is kept and shown until it can."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("compliance", "0046_a_copy_goes_by_a_fresh_link")]
    operations = [
        migrations.CreateModel(
            name="Fault",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("chore", models.CharField(max_length=60)),
                ("about", models.CharField(max_length=120)),
                ("why", models.CharField(max_length=120)),
                ("times", models.PositiveIntegerField(default=1)),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("chore", "about"),
                        name="one_open_fault_per_thing",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("last_at__gte", models.F("first_at"))),
                        name="a_fault_is_seen_after_it_began",
                    ),
                ]
            },
        ),
    ]
