"""Where the first of the two who end what restricts has left or reviews no more, another may ask in their place."""

from django.db import migrations

UP = """
create or replace function review_guard_ending() returns trigger language plpgsql set search_path = public, pg_temp as $$
declare
    reviewers integer;
    officers integer;
    -- Whoever asked and reviews no more holds nobody up: another asks in their place.
    still_asks boolean := exists (
        select from compliance_staff s
        where s.id = old.end_asked_by_id and s.is_active and not s.is_superuser and s.role in ('editor', 'officer')
    );
begin
    if new.end_asked_by_id is not null and new.end_asked_by_id is distinct from old.end_asked_by_id and (
        old.state <> 'approved' or new.state <> old.state or still_asks
        or new.end_asked_at is null or not review_restricts(old)
    ) then
        perform review_refuse('an_end_is_asked_for_once_and_first', 'compliance_reviewitem');
    end if;
    if old.state <> 'approved' or not review_restricts(old) then
        return new;
    end if;
    if still_asks
        and (new.end_asked_by_id, new.end_asked_at) is distinct from (old.end_asked_by_id, old.end_asked_at)
    then
        perform review_refuse('an_end_is_asked_for_once_and_first', 'compliance_reviewitem');
    end if;
    if new.state = old.state then
        return new;
    end if;
    select count(*), count(*) filter (where s.role = 'officer') into reviewers, officers
    from compliance_staff s
    where s.id in (old.end_asked_by_id, new.decided_by_id) and s.is_active and not s.is_superuser
        and s.role in ('editor', 'officer');
    if new.state <> 'withdrawn' or reviewers < 2 or officers < 1 then
        perform review_refuse('two_people_end_what_restricts', 'compliance_reviewitem');
    end if;
    return new;
end $$;
"""
DOWN = """
create or replace function review_guard_ending() returns trigger language plpgsql set search_path = public, pg_temp as $$
declare
    reviewers integer;
    officers integer;
begin
    if new.end_asked_by_id is not null and new.end_asked_by_id is distinct from old.end_asked_by_id and (
        old.state <> 'approved' or new.state <> old.state or old.end_asked_by_id is not null
        or new.end_asked_at is null or not review_restricts(old)
    ) then
        perform review_refuse('an_end_is_asked_for_once_and_first', 'compliance_reviewitem');
    end if;
    if old.state <> 'approved' or not review_restricts(old) then
        return new;
    end if;
    if old.end_asked_by_id is not null
        and (new.end_asked_by_id, new.end_asked_at) is distinct from (old.end_asked_by_id, old.end_asked_at)
    then
        perform review_refuse('an_end_is_asked_for_once_and_first', 'compliance_reviewitem');
    end if;
    if new.state = old.state then
        return new;
    end if;
    select count(*), count(*) filter (where s.role = 'officer') into reviewers, officers
    from compliance_staff s
    where s.id in (old.end_asked_by_id, new.decided_by_id) and s.is_active and not s.is_superuser
        and s.role in ('editor', 'officer');
    if new.state <> 'withdrawn' or reviewers < 2 or officers < 1 then
        perform review_refuse('two_people_end_what_restricts', 'compliance_reviewitem');
    end if;
    return new;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0048_a_purpose_needs_its_record")]
    operations = [migrations.RunSQL(UP, DOWN)]
