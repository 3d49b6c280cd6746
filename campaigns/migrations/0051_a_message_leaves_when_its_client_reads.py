"""A message may leave at the hour at which its client usually reads: policy, nightly count, and what was drawn."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

TABLES = ("campaigns_hourpolicy", "campaigns_hourpool")
MAKE = "".join(
    f"""
create trigger only_added_to before update or delete on {table}
    for each row execute function compliance_only_added_to();
alter table {table} enable always trigger only_added_to;
comment on table {table} is 'application may select, insert';
select compliance_keep_images_of('{table}', 'id', '{{}}');
"""
    for table in TABLES
)
DROP = "".join(
    f"""
select compliance_keep_no_images_of('{table}');
drop trigger only_added_to on {table};
"""
    for table in TABLES
)


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0050_a_stopped_model_answers_nobody_as_canary_either"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="HourPool",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("counts", models.JSONField()),
                ("clients", models.PositiveIntegerField()),
                ("own", models.PositiveIntegerField()),
                ("concentration", models.FloatField()),
                ("phase", models.CharField(max_length=12)),
                ("made_at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.AddField(
            model_name="campaign",
            name="send_hour",
            field=models.CharField(
                choices=[("now", "At once"), ("learned", "When the client usually reads")],
                db_default="now",
                default="now",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="historicalcampaign",
            name="send_hour",
            field=models.CharField(
                choices=[("now", "At once"), ("learned", "When the client usually reads")],
                db_default="now",
                default="now",
                max_length=8,
            ),
        ),
        migrations.CreateModel(
            name="HourChoice",
            fields=[
                (
                    "message",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="hour",
                        serialize=False,
                        to="campaigns.message",
                    ),
                ),
                ("hour", models.PositiveSmallIntegerField()),
                ("propensity", models.FloatField()),
                ("is_rule", models.BooleanField()),
                ("is_open", models.IntegerField()),
                ("readings", models.BinaryField()),
                ("due_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("hour__lt", 24)), name="a_day_has_24_hours"),
                    models.CheckConstraint(
                        condition=models.Q(("propensity__gt", 0), ("propensity__lte", 1)),
                        name="an_hour_was_drawn_by_a_probability",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="HourPolicy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField(unique=True)),
                ("rule_hour", models.PositiveSmallIntegerField()),
                ("first", models.PositiveSmallIntegerField()),
                ("last", models.PositiveSmallIntegerField()),
                ("share_rule", models.FloatField()),
                ("most_wait_hours", models.PositiveSmallIntegerField()),
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
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("first__lt", models.F("last")),
                            ("last__lte", 24),
                            ("rule_hour__gte", models.F("first")),
                            ("rule_hour__lt", models.F("last")),
                        ),
                        name="the_declared_hour_lies_in_the_window",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("share_rule__gt", 0), ("share_rule__lt", 1)),
                        name="some_keep_the_declared_hour_for_good",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("most_wait_hours__gte", 1), ("most_wait_hours__lte", 24)),
                        name="an_hour_is_at_most_a_day_away",
                    ),
                ],
            },
        ),
        migrations.RunSQL(MAKE, DROP),
    ]
