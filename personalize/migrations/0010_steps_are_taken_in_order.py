"""No model moves up out of order, without two other people's approval in force, by its own people, or once expired.

A machine, and one person, may take a model back; a later day of a learned policy inherits the step of its first.
"""

from django.db import migrations

UP = """
create function personalize_before(stage text) returns text language sql immutable as $$
    select case stage when 'shadow' then 'waiting' when 'canary' then 'shadow' when 'live' then 'canary' end
$$;

create function personalize_guard_step() returns trigger language plpgsql set search_path = public, pg_temp as $$
declare
    model personalize_artefact;
    item compliance_reviewitem;
    others integer;
begin
    if tg_op = 'DELETE' then
        perform review_refuse('a_step_is_never_deleted', 'personalize_modelstep');
    end if;
    select * into model from personalize_artefact where id = new.artefact_id for update;
    if model.stage is distinct from personalize_before(new."to") then
        perform review_refuse('steps_are_taken_in_order', 'personalize_modelstep');
    end if;
    if tg_op = 'INSERT' then
        if new.taken_at is not null then
            perform review_refuse('a_step_is_asked_for_first', 'personalize_modelstep');
        end if;
        return new;
    end if;
    if old.taken_at is not null or new.taken_at is null
        or (new.artefact_id, new."to", new.share, new.digest, new.evidence, new.asked_by_id, new.asked_at)
        is distinct from
        (old.artefact_id, old."to", old.share, old.digest, old.evidence, old.asked_by_id, old.asked_at)
    then
        perform review_refuse('a_step_is_never_changed', 'personalize_modelstep');
    end if;
    if model.expires_at is null or model.expires_at <= new.taken_at then
        perform review_refuse('an_expired_model_takes_no_step', 'personalize_modelstep');
    end if;
    if model.owner_id = new.taken_by_id then
        perform review_refuse('nobody_lets_their_own_model_go_on', 'personalize_modelstep');
    end if;
    select * into item from compliance_reviewitem where digest = new.digest for update;
    if item.kind is distinct from 'model' or item.state <> 'approved' or item.decided_at > new.taken_at
        or item.valid_until <= new.taken_at
    then
        perform review_refuse('a_step_needs_an_approval_in_force', 'personalize_modelstep');
    end if;
    select count(distinct a.by_id) into others from compliance_approval a
    where a.item_id = item.id and a.round = item.round and a.digest = item.digest
    and a.by_id <> new.asked_by_id and a.by_id is distinct from model.owner_id;
    if others < 2 then
        perform review_refuse('two_others_approve_every_step', 'personalize_modelstep');
    end if;
    return new;
end $$;

create function personalize_guard_stage() returns trigger language plpgsql set search_path = public, pg_temp as $$
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

create trigger personalize_guard_step before insert or update or delete on personalize_modelstep
    for each row execute function personalize_guard_step();
create trigger personalize_guard_stage before insert or update of stage, step_id on personalize_artefact
    for each row execute function personalize_guard_stage();
alter table personalize_modelstep enable always trigger personalize_guard_step;
alter table personalize_artefact enable always trigger personalize_guard_stage;
"""
DOWN = """
drop trigger personalize_guard_stage on personalize_artefact;
drop trigger personalize_guard_step on personalize_modelstep;
drop function personalize_guard_stage();
drop function personalize_guard_step();
drop function personalize_before(text);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("personalize", "0009_a_model_goes_live_by_steps"),
        ("compliance", "0028_tokens_have_scopes_and_a_standing"),
    ]
    operations = [migrations.RunSQL(UP, DOWN)]
