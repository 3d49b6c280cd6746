"""Two records of clients are joined and parted along a request that was decided, and in no other way."""

from django.db import migrations

UP = r"""
-- A request is decided once by somebody at work, who is the one that acts; a merge may be undone once. Only a client
-- without a key of their own is joined without being asked for: a device that signed in.
create function personalize_merge_is_decided() returns trigger language plpgsql
set search_path = public, pg_temp as $$
declare
    who text := coalesce(current_setting('app.actor', true), '');
    is_decided boolean := new.decided_at is not null and (who not like 'staff:%' or who = 'staff:' || new.decided_by_id)
        and exists (select from compliance_staff s where s.id = new.decided_by_id and s.is_active);
    fine boolean;
begin
    if tg_op = 'INSERT' then
        fine := new.state = 'waiting' and new.decided_by_id is null
            or new.state = 'merged' and new.decided_by_id is null and exists (
                select from compliance_client c where c.id = new.absorbed_id and c.user_id is null
            );
    else
        fine := (new.kept_id, new.absorbed_id, new.asked_at) = (old.kept_id, old.absorbed_id, old.asked_at)
            and case
                when new.state = old.state then (new.decided_by_id, new.decided_at)
                    is not distinct from (old.decided_by_id, old.decided_at)
                else (old.state, new.state) in (('waiting', 'merged'), ('waiting', 'refused'), ('merged', 'undone'))
                    and is_decided
            end;
    end if;
    if fine is not true then
        raise exception using errcode = 'check_violation', message = 'a_merge_is_decided_once',
            constraint = 'a_merge_is_decided_once', table = tg_table_name;
    end if;
    return new;
end $$;
create trigger merge_is_decided before insert or update on personalize_mergerequest
    for each row execute function personalize_merge_is_decided();
alter table personalize_mergerequest enable always trigger merge_is_decided;

create function personalize_clients_are_joined() returns trigger language plpgsql
set search_path = public, pg_temp as $$
declare
    fine boolean;
begin
    if tg_op = 'INSERT' then
        fine := false;
    elsif new.merged_into_id is not distinct from old.merged_into_id then
        fine := new.erased_at is not null;
    elsif old.merged_into_id is null then
        fine := exists (
            select from personalize_mergerequest m
            where m.kept_id = new.merged_into_id and m.absorbed_id = new.id and m.state = 'merged'
        );
    else
        fine := new.merged_into_id is null and exists (
            select from personalize_mergerequest m
            where m.kept_id = old.merged_into_id and m.absorbed_id = new.id and m.state = 'undone'
        ) and not exists (
            select from personalize_mergerequest m
            where m.kept_id = old.merged_into_id and m.absorbed_id = new.id and m.state = 'merged'
        );
    end if;
    if fine is not true then
        raise exception using errcode = 'check_violation', message = 'clients_are_joined_and_parted_by_a_decision',
            constraint = 'clients_are_joined_and_parted_by_a_decision', table = tg_table_name;
    end if;
    return new;
end $$;
create trigger clients_are_made_apart before insert on compliance_client
    for each row when (new.merged_into_id is not null) execute function personalize_clients_are_joined();
-- A key that went would make a person look like a device.
create trigger clients_are_joined before update on compliance_client
    for each row when (
        new.merged_into_id is distinct from old.merged_into_id or old.user_id is not null and new.user_id is null
    )
    execute function personalize_clients_are_joined();
alter table compliance_client enable always trigger clients_are_made_apart;
alter table compliance_client enable always trigger clients_are_joined;
"""
DOWN = """
drop trigger clients_are_joined on compliance_client;
drop trigger clients_are_made_apart on compliance_client;
drop function personalize_clients_are_joined();
drop trigger merge_is_decided on personalize_mergerequest;
drop function personalize_merge_is_decided();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("personalize", "0015_vulnerability_is_no_feature"),
        ("compliance", "0057_who_left_does_not_count"),
    ]

    operations = [migrations.RunSQL(UP, DOWN)]
