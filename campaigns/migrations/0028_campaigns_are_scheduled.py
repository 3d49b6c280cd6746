"""A schedule is only ever switched off, an occurrence decided once; both are kept in the ledger."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

MAKE = """
create function campaigns_schedule_ends_once() returns trigger language plpgsql
    set search_path = public, pg_temp as $$
begin
    if tg_op = 'DELETE' or old.state = 'off' or new.state <> 'off'
        or (old.campaign_id, old.first_on, old.local_time, old.zone, old.repeat, old.until, old.latest_min,
            old.made_by_id, old.made_at)
            is distinct from
            (new.campaign_id, new.first_on, new.local_time, new.zone, new.repeat, new.until, new.latest_min,
            new.made_by_id, new.made_at) then
        raise exception 'a schedule is switched off once and never changes'
            using errcode = 'restrict_violation', constraint = 'a_schedule_is_only_switched_off';
    end if;
    return new;
end $$;
create trigger schedules_are_only_switched_off before update or delete on campaigns_schedule
    for each row execute function campaigns_schedule_ends_once();
alter table campaigns_schedule enable always trigger schedules_are_only_switched_off;
create function campaigns_decide_once() returns trigger language plpgsql
    set search_path = public, pg_temp as $$
begin
    if tg_op = 'DELETE' or old.state <> 'waiting' or new.state = 'waiting'
        or (old.schedule_id, old.local_date, old.slot, old.due_at, old.local)
            is distinct from (new.schedule_id, new.local_date, new.slot, new.due_at, new.local) then
        raise exception 'an occurrence is decided once and never changes'
            using errcode = 'restrict_violation', constraint = 'an_occurrence_is_decided_once';
    end if;
    return new;
end $$;
create trigger occurrences_are_decided_once before update or delete on campaigns_occurrence
    for each row execute function campaigns_decide_once();
alter table campaigns_occurrence enable always trigger occurrences_are_decided_once;
comment on table campaigns_schedule is 'application may select, insert, update';
comment on table campaigns_occurrence is 'application may select, insert, update';
select compliance_keep_images_of('campaigns_schedule', 'id', '{}');
select compliance_keep_images_of('campaigns_occurrence', 'id', '{}');
"""
DROP = """
select compliance_keep_no_images_of('campaigns_occurrence');
select compliance_keep_no_images_of('campaigns_schedule');
drop trigger occurrences_are_decided_once on campaigns_occurrence;
drop function campaigns_decide_once();
drop trigger schedules_are_only_switched_off on campaigns_schedule;
drop function campaigns_schedule_ends_once();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0027_live_models_are_watched"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Schedule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("first_on", models.DateField()),
                ("local_time", models.TimeField()),
                ("zone", models.CharField(max_length=64)),
                (
                    "repeat",
                    models.CharField(
                        choices=[
                            ("once", "Once"),
                            ("daily", "Every day"),
                            ("weekly", "Every week"),
                            ("monthly", "Every month"),
                        ],
                        max_length=8,
                    ),
                ),
                ("until", models.DateField(null=True)),
                ("latest_min", models.PositiveSmallIntegerField()),
                ("state", models.CharField(choices=[("on", "On"), ("off", "Off")], default="on", max_length=3)),
                ("made_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="schedules", to="campaigns.campaign"
                    ),
                ),
                (
                    "ended_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Occurrence",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("local_date", models.DateField()),
                ("slot", models.TimeField()),
                ("due_at", models.DateTimeField()),
                ("local", models.CharField(max_length=40)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("launched", "Launched"),
                            ("missed", "Missed"),
                            ("refused", "Refused"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="waiting",
                        max_length=9,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=60)),
                ("sentence", models.TextField(blank=True)),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "run",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="occurrence",
                        to="campaigns.run",
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="occurrences", to="campaigns.schedule"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "on")), fields=("campaign",), name="a_campaign_has_one_schedule_at_a_time"
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at", None), ("ended_by", None), ("state", "on")),
                    models.Q(("ended_at__isnull", False), ("state", "off")),
                    _connector="OR",
                ),
                name="a_schedule_that_is_off_has_ended",
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=models.Q(("latest_min__range", (1, 1440))), name="a_late_launch_is_of_the_same_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=models.Q(("repeat__in", ["once", "daily", "weekly", "monthly"])), name="a_repeat_is_known"
            ),
        ),
        migrations.AddIndex(
            model_name="occurrence",
            index=models.Index(condition=models.Q(("state", "waiting")), fields=["due_at"], name="occurrence_waiting"),
        ),
        migrations.AddConstraint(
            model_name="occurrence",
            constraint=models.UniqueConstraint(
                fields=("schedule", "local_date", "slot"), name="an_occurrence_is_there_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="occurrence",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("run__isnull", False), ("state", "launched")),
                    models.Q(("run", None), ("state__in", ["waiting", "missed", "refused", "cancelled"])),
                    _connector="OR",
                ),
                name="an_occurrence_has_a_run_when_it_launched",
            ),
        ),
        migrations.AddConstraint(
            model_name="occurrence",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at", None), ("state", "waiting")),
                    models.Q(("decided_at__isnull", False), models.Q(("state", "waiting"), _negated=True)),
                    _connector="OR",
                ),
                name="an_occurrence_is_decided_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="occurrence",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["missed", "refused"]), _negated=True),
                    models.Q(("sentence", ""), _negated=True),
                    _connector="OR",
                ),
                name="what_was_not_launched_says_why",
            ),
        ),
        migrations.RunSQL(MAKE, DROP),
    ]
