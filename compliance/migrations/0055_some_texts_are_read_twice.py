"""Some texts are read twice: who reads one blind had no part in it, gets none twice, and a third settles a difference.

N11. What was drawn never changes, a verdict is said once, and nothing here is ever taken away.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

UP = r"""
comment on table compliance_secondreading is 'application may select, insert, update';
select compliance_keep_images_of('compliance_secondreading', 'id', '{}');

create function compliance_took_part(reading compliance_secondreading, person bigint) returns boolean language sql stable
set search_path = public, pg_temp as $$
    select person = any(reading.involved)
        or exists (select from compliance_authorship a where a.digest = reading.digest and a.staff_id = person)
        or exists (select from compliance_approval a where a.item_id = reading.item_id and a.by_id = person)
        or exists (
            select from compliance_reviewitem i
            where i.id = reading.item_id and person in (i.decided_by_id, i.submitted_by_id)
        )
$$;

create function compliance_second_reading_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
declare
    told text[] := array['verdict', 'reason', 'topics_seen', 'decided_at'];
    judged text[] := array['judge_id', 'judged', 'judged_reason', 'judged_topics', 'judged_at'];
    holding text[] := array['reader_id', 'taken_at', 'seen_by'];
    fine boolean;
begin
    if tg_op = 'INSERT' then
        fine := new.verdict = '' and new.seen_by = '{}'
            and num_nonnulls(new.reader_id, new.taken_at, new.decided_at, new.judge_id, new.judged_at) = 0;
    else
        fine := to_jsonb(new) - told - judged - holding is not distinct from to_jsonb(old) - told - judged - holding
            -- Taken by one who had no part in it and has not had it, or handed back; never once a verdict is said.
            and (to_jsonb(new) - told - judged is not distinct from to_jsonb(old) - told - judged
                or old.decided_at is null and new.decided_at is null and (
                    new.reader_id is null and new.taken_at is null and new.seen_by = old.seen_by
                    or new.taken_at is not null and not new.reader_id = any(old.seen_by)
                        and new.seen_by = old.seen_by || new.reader_id
                        and not compliance_took_part(old, new.reader_id)
                        and exists (
                            select from compliance_staff s
                            where s.id = new.reader_id and s.role = 'editor' and s.is_active and not s.is_superuser
                        )
                ))
            and (old.decided_at is null or to_jsonb(new) - judged is not distinct from to_jsonb(old) - judged)
            and (new.judged_at is not distinct from old.judged_at and to_jsonb(new) - told - holding
                    is not distinct from to_jsonb(old) - told - holding
                or old.judged_at is null and old.decided_at is not null
                    and new.judge_id <> old.reader_id and not compliance_took_part(old, new.judge_id)
                    and exists (
                        select from compliance_staff s
                        where s.id = new.judge_id and s.role in ('editor', 'officer') and s.is_active
                            and not s.is_superuser
                    ));
    end if;
    if fine is not true then
        raise exception using errcode = 'check_violation', message = 'a_second_reading_is_blind_and_stands',
            constraint = 'a_second_reading_is_blind_and_stands', table = tg_table_name;
    end if;
    return new;
end $$;
create trigger second_reading_stands before insert or update on compliance_secondreading
    for each row execute function compliance_second_reading_stands();
alter table compliance_secondreading enable always trigger second_reading_stands;
create trigger never_deleted before delete on compliance_secondreading
    for each row execute function compliance_only_added_to();
alter table compliance_secondreading enable always trigger never_deleted;
create trigger never_truncated before truncate on compliance_secondreading
    for each statement execute function compliance_only_added_to();
alter table compliance_secondreading enable always trigger never_truncated;
"""
DOWN = """
drop trigger never_truncated on compliance_secondreading;
drop trigger never_deleted on compliance_secondreading;
drop trigger second_reading_stands on compliance_secondreading;
drop function compliance_second_reading_stands();
drop function compliance_took_part(compliance_secondreading, bigint);
select compliance_keep_no_images_of('compliance_secondreading');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0054_clients_wish_for_hours"),
    ]

    operations = [
        migrations.CreateModel(
            name="SecondReading",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=64)),
                ("round", models.PositiveSmallIntegerField(default=1)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("block", "Content block"),
                            ("variant", "Assembled message"),
                            ("pair_set", "Combinations of a campaign"),
                            ("sample", "Sample of messages"),
                            ("combination_rule", "Combination rule"),
                            ("template", "Template"),
                            ("campaign", "Campaign"),
                            ("journey", "Journey"),
                            ("model", "Model"),
                            ("copy_rule", "Copy rule"),
                            ("policy", "Review policy"),
                            ("figure", "Figure that texts show"),
                            ("record", "Record of a purpose"),
                        ],
                        max_length=20,
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("snapshot", models.JSONField()),
                ("topics", models.JSONField(default=list)),
                ("campaign", models.CharField(blank=True, max_length=80)),
                (
                    "involved",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                (
                    "stratum",
                    models.CharField(
                        choices=[
                            ("approved", "Approved"),
                            ("rejected", "Rejected"),
                            ("passed", "Went by the policy, unread as a whole"),
                        ],
                        max_length=8,
                    ),
                ),
                ("chance", models.FloatField()),
                ("first_verdict", models.CharField(max_length=8)),
                ("drawn_at", models.DateTimeField()),
                ("taken_at", models.DateTimeField(null=True)),
                (
                    "seen_by",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                ("verdict", models.CharField(blank=True, max_length=8)),
                ("reason", models.TextField(blank=True)),
                ("topics_seen", models.JSONField(default=list)),
                ("decided_at", models.DateTimeField(null=True)),
                ("judged", models.CharField(blank=True, max_length=8)),
                ("judged_reason", models.TextField(blank=True)),
                ("judged_topics", models.JSONField(default=list)),
                ("judged_at", models.DateTimeField(null=True)),
                (
                    "item",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="second_readings",
                        to="compliance.reviewitem",
                    ),
                ),
                (
                    "judge",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "reader",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["decided_at"], name="second_reading_decided")],
                "constraints": [
                    models.UniqueConstraint(fields=("digest", "round"), name="a_text_is_drawn_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("decided_at", None)),
                        fields=("reader",),
                        name="a_person_reads_one_text_blind_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("first_verdict__in", ["approve", "reject"]),
                            ("stratum__in", ["approved", "rejected", "passed"]),
                            ("chance__gt", 0),
                            ("chance__lte", 1),
                        ),
                        name="a_second_reading_says_how_it_was_drawn",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("decided_at", None), ("verdict", "")),
                            models.Q(
                                ("decided_at__isnull", False),
                                ("reader__isnull", False),
                                ("verdict__in", ["approve", "reject"]),
                                models.Q(("reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="a_second_verdict_has_a_reader_and_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("judge", None), ("judged", ""), ("judged_at", None)),
                            models.Q(
                                ("judge__isnull", False),
                                ("judged__in", ["approve", "reject"]),
                                ("judged_at__isnull", False),
                                ("decided_at__isnull", False),
                                models.Q(("judge", models.F("reader")), _negated=True),
                                models.Q(("judged_reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="a_difference_is_settled_by_a_third",
                    ),
                ],
            },
        ),
        migrations.RunSQL(UP, DOWN),
    ]
