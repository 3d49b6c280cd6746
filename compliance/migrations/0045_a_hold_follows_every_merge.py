"""A hold on one record of a person binds on every record of theirs, however many merges lie between; officers lift it."""

from django.db import migrations

UP = """
-- Which hold keeps a client's things, or null: as compliance.rights.joined.everyone, up and down all merges.
create or replace function compliance_held(who bigint) returns bigint language sql stable
set search_path = public, pg_temp as $$
    with recursive person (id) as (
        select who
        union
        select one.id
        from person p
        cross join lateral (
            select c.merged_into_id as id from compliance_client c where c.id = p.id and c.merged_into_id is not null
            union all
            select c.id from compliance_client c where c.merged_into_id = p.id
        ) one
    )
    select h.id from compliance_hold h
    where h.lifted_at is null
        and (h.scope = 'everything' or (h.scope = 'client' and h.client_id in (select p.id from person p)))
    order by h.id limit 1
$$;

create function compliance_is_officer(person bigint) returns boolean language sql stable
set search_path = public, pg_temp as $$
    select exists (
        select from compliance_staff s
        where s.id = person and s.role = 'officer' and s.is_active and not s.is_superuser
    )
$$;
create or replace function compliance_hold_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    if tg_op = 'DELETE' or old.lifted_at is not null
        or (new.scope, new.client_id, new.campaign, new.reason, new.placed_by_id, new.placed_at)
            is distinct from (old.scope, old.client_id, old.campaign, old.reason, old.placed_by_id, old.placed_at)
        or (new.lift_asked_by_id is distinct from old.lift_asked_by_id
            and (old.lift_asked_by_id is not null or not compliance_is_officer(new.lift_asked_by_id)))
        or (new.lifted_by_id is not null
            and (old.lift_asked_by_id is null or not compliance_is_officer(new.lifted_by_id)))
    then
        raise exception using errcode = 'check_violation', message = 'two_people_lift_a_hold',
            constraint = 'two_people_lift_a_hold', table = tg_table_name;
    end if;
    return new;
end $$;
"""
DOWN = """
create or replace function compliance_hold_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    if tg_op = 'DELETE' or old.lifted_at is not null
        or (new.scope, new.client_id, new.campaign, new.reason, new.placed_by_id, new.placed_at)
            is distinct from (old.scope, old.client_id, old.campaign, old.reason, old.placed_by_id, old.placed_at)
        or (new.lifted_by_id is not null and (
            select s.is_superuser from compliance_staff s where s.id = new.lifted_by_id
        ))
    then
        raise exception using errcode = 'check_violation', message = 'two_people_lift_a_hold',
            constraint = 'two_people_lift_a_hold', table = tg_table_name;
    end if;
    return new;
end $$;
drop function compliance_is_officer(bigint);
create or replace function compliance_held(who bigint) returns bigint language sql stable
set search_path = public, pg_temp as $$
    select h.id from compliance_hold h
    where h.lifted_at is null and (h.scope = 'everything' or h.scope = 'client' and (
        h.client_id = who
        or h.client_id = (select c.merged_into_id from compliance_client c where c.id = who)
        or who = (select c.merged_into_id from compliance_client c where c.id = h.client_id)
    ))
    order by h.id limit 1
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0044_what_restricts_is_ended_by_two")]
    operations = [migrations.RunSQL(UP, DOWN)]
