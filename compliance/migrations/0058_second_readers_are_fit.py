"""Who reads or settles a text of the blind sample is fit for it and had no part in it, to the moment they do so.

Also told: a verdict is said within the two hours, by an editor at work; only a difference is settled; and how a text was
drawn fits its first verdict.
"""

from django.db import migrations, models
from django.db.models import Q

# As `review_lacks` asks of a first reader; a text that went by the policy has no item, only topics and a campaign.
FIT = r"""
create function compliance_is_fit_for(reading compliance_secondreading, person bigint, moment timestamptz)
returns boolean language sql stable set search_path = public, pg_temp as $$
    select coalesce(
        (
            select review_lacks(person, i, moment) in ('', 'what_must_be_fixed_is_settled_first')
            from compliance_reviewitem i where i.id = reading.item_id
        ),
        not exists (
            select from jsonb_array_elements_text(reading.topics) as wanted(code)
            where not exists (
                select from compliance_competence c
                where c.staff_id = person and c.area in (wanted.code, '*')
                and c.valid_from <= moment and c.valid_until > moment
                and (c.ended_at is null or c.ended_at > moment)
            )
        )
        and not exists (
            select from compliance_interest i
            where i.staff_id = person and i.ended_at is null
                and (i.about = reading.campaign or reading.topics ? i.about)
        )
    )
$$;
"""
# What stands between marks is new; as comments they leave the functions as `some_texts_are_read_twice` made them.
GUARDS = r"""
create or replace function compliance_took_part(reading compliance_secondreading, person bigint) returns boolean language sql stable
set search_path = public, pg_temp as $$
    select person = any(reading.involved)
        or exists (select from compliance_authorship a where a.digest = reading.digest and a.staff_id = person)
        or exists (select from compliance_approval a where a.item_id = reading.item_id and a.by_id = person)
        or exists (
            select from compliance_reviewitem i
            where i.id = reading.item_id and person in (i.decided_by_id, i.submitted_by_id)
        )/*
        or exists (
            select from compliance_reviewitem i
            where i.digest = reading.digest and (
                person = i.stopped_by_id
                or exists (select from compliance_reading r where r.item_id = i.id and r.staff_id = person)
                or exists (select from compliance_comment c where c.item_id = i.id and c.by_id = person)
            )
        )*/
$$;

create or replace function compliance_second_reading_stands() returns trigger language plpgsql
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
                        and not compliance_took_part(old, new.reader_id)/*
                        and compliance_is_fit_for(old, new.reader_id, new.taken_at)*/
                        and exists (
                            select from compliance_staff s
                            where s.id = new.reader_id and s.role = 'editor' and s.is_active and not s.is_superuser
                        )
                ))
            and (old.decided_at is null or to_jsonb(new) - judged is not distinct from to_jsonb(old) - judged)/*
            -- Said by an editor at work who has it, within two hours of taking it.
            and (to_jsonb(new) - holding - judged is not distinct from to_jsonb(old) - holding - judged
                or new.decided_at >= old.taken_at and new.decided_at < old.taken_at + interval '2 hours'
                    and exists (
                        select from compliance_staff s
                        where s.id = old.reader_id and s.role = 'editor' and s.is_active and not s.is_superuser
                    ))*/
            and (new.judged_at is not distinct from old.judged_at and to_jsonb(new) - told - holding
                    is not distinct from to_jsonb(old) - told - holding
                or old.judged_at is null and old.decided_at is not null
                    and new.judge_id <> old.reader_id and not compliance_took_part(old, new.judge_id)/*
                    and compliance_is_fit_for(old, new.judge_id, new.judged_at)
                    and (old.verdict <> old.first_verdict or not old.topics_seen <@ old.topics)*/
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
"""
NOW = GUARDS.replace("/*", "").replace("*/", "")
UNFIT = "drop function compliance_is_fit_for(compliance_secondreading, bigint, timestamptz);"
DRAWN = "a_second_reading_says_how_it_was_drawn"


class Migration(migrations.Migration):
    dependencies = [("compliance", "0057_who_left_does_not_count")]

    operations = [
        migrations.RunSQL(FIT + NOW, GUARDS + UNFIT),
        migrations.RemoveConstraint(model_name="secondreading", name=DRAWN),
        migrations.AddConstraint(
            model_name="secondreading",
            constraint=models.CheckConstraint(
                condition=(
                    Q(stratum__in=["approved", "passed"], first_verdict="approve")
                    | Q(stratum="rejected", first_verdict="reject")
                )
                & Q(chance__gt=0, chance__lte=1),
                name=DRAWN,
            ),
        ),
    ]
