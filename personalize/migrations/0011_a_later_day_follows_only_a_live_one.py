"""A later day of a learned policy goes live only by taking the place of one that is live, which retires by the same row.

What people approved stays as it was: the root of a card never changes, and once a model has left the queue neither its
card nor its end does.
"""

from django.db import migrations

UP = """
create or replace function personalize_guard_stage() returns trigger language plpgsql
set search_path = public, pg_temp as $$
declare
    step personalize_modelstep;
    before personalize_artefact;
begin
    if tg_op = 'INSERT' then
        if new.stage <> 'waiting' or new.step_id is not null then
            perform review_refuse('a_model_starts_by_waiting', 'personalize_artefact');
        end if;
        return new;
    end if;
    if new.stage = old.stage and new.step_id is not distinct from old.step_id then
        return new;
    end if;
    if new.step_id is not distinct from old.step_id
        and (new.stage = 'retired' or (old.stage = 'canary' and new.stage = 'shadow'))
    then
        return new;
    end if;
    select * into step from personalize_modelstep where id = new.step_id;
    if step.taken_at is null or step."to" <> new.stage or old.stage = 'retired'
        or step.id <= coalesce(old.step_id, 0)
    then
        perform review_refuse('a_model_moves_up_by_an_approved_step', 'personalize_artefact');
    end if;
    if step.artefact_id = new.id then
        if old.stage is distinct from personalize_before(new.stage) then
            perform review_refuse('steps_are_taken_in_order', 'personalize_artefact');
        end if;
        return new;
    end if;
    select * into before from personalize_artefact a
    where a.use_case = new.use_case and a.stage = 'live' and a.id <> new.id for update;
    if before.id is null or new.stage <> 'live' or old.stage <> 'waiting' or before.step_id <> new.step_id
        or coalesce(before.card ->> 'root', '') = '' or before.card ->> 'root' is distinct from new.card ->> 'root'
        or new.expires_at is null or before.expires_at < new.expires_at
    then
        perform review_refuse('a_model_moves_up_by_an_approved_step', 'personalize_artefact');
    end if;
    update personalize_artefact set stage = 'retired' where id = before.id;
    return new;
end $$;

create function personalize_guard_bounds() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
    if new.card ->> 'root' is distinct from old.card ->> 'root'
        or (old.stage <> 'waiting' and (new.card, new.expires_at) is distinct from (old.card, old.expires_at))
    then
        perform review_refuse('what_people_approved_of_a_model_never_changes', 'personalize_artefact');
    end if;
    return new;
end $$;
create trigger personalize_guard_bounds before update of card, expires_at on personalize_artefact
    for each row execute function personalize_guard_bounds();
alter table personalize_artefact enable always trigger personalize_guard_bounds;
"""
DOWN = """
drop trigger personalize_guard_bounds on personalize_artefact;
drop function personalize_guard_bounds();
create or replace function personalize_guard_stage() returns trigger language plpgsql
set search_path = public, pg_temp as $$
declare
    step personalize_modelstep;
begin
    if tg_op = 'INSERT' then
        if new.stage <> 'waiting' or new.step_id is not null then
            perform review_refuse('a_model_starts_by_waiting', 'personalize_artefact');
        end if;
        return new;
    end if;
    if new.stage = old.stage and new.step_id is not distinct from old.step_id then
        return new;
    end if;
    if new.step_id is not distinct from old.step_id
        and (new.stage = 'retired' or (old.stage = 'canary' and new.stage = 'shadow'))
    then
        return new;
    end if;
    select * into step from personalize_modelstep where id = new.step_id;
    if step.taken_at is null or step."to" <> new.stage or old.stage = 'retired'
        or step.id <= coalesce(old.step_id, 0)
    then
        perform review_refuse('a_model_moves_up_by_an_approved_step', 'personalize_artefact');
    end if;
    if step.artefact_id = new.id then
        if old.stage is distinct from personalize_before(new.stage) then
            perform review_refuse('steps_are_taken_in_order', 'personalize_artefact');
        end if;
    elsif new.stage <> 'live' or not exists (
        select from personalize_artefact first
        where first.id = step.artefact_id and first.use_case = new.use_case and first.card ->> 'root' <> ''
        and first.card ->> 'root' = new.card ->> 'root' and first.expires_at >= new.expires_at
    ) then
        perform review_refuse('a_model_moves_up_by_an_approved_step', 'personalize_artefact');
    end if;
    return new;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [("personalize", "0010_steps_are_taken_in_order")]
    operations = [migrations.RunSQL(UP, DOWN)]
