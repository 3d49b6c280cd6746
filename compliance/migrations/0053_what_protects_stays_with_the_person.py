"""What keeps a client safe stays with that person: notes, certificates and answers of call registers.

They move between records of one person alone, as joining and its undo do it; they go with the person, or when nobody
has to prove anything by them any more; and only officers who are active, no administrators, write them down.
"""

from django.db import migrations

UP = r"""
-- Every record of a client's person, as compliance.rights.joined.everyone.
create function compliance_person(who bigint) returns setof bigint language sql stable
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
    select p.id from person p
$$;
create function compliance_is_erased(who bigint) returns boolean language sql stable
set search_path = public, pg_temp as $$
    select exists (select from compliance_erasure e where e.client_id in (select compliance_person(who)))
$$;

create or replace function compliance_vulnerability_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
declare
    free text[] := array['client_id', 'review_on', 'reviewed_by_id', 'reviewed_at', 'end_why', 'end_asked_by_id',
        'end_asked_at', 'ended_by_id', 'ended_at'];
    fine boolean;
begin
    if tg_op = 'DELETE' then
        fine := compliance_is_erased(old.client_id);
    elsif tg_op = 'INSERT' then
        fine := compliance_is_officer(new.noted_by_id) and new.end_why = ''
            and num_nonnulls(new.reviewed_by_id, new.reviewed_at, new.end_asked_by_id, new.end_asked_at,
                new.ended_by_id, new.ended_at) = 0;
    else
        fine := to_jsonb(new) - free is not distinct from to_jsonb(old) - free
            and (new.client_id = old.client_id or new.client_id in (select compliance_person(old.client_id)))
            and (old.ended_at is null or to_jsonb(new) - 'client_id' is not distinct from to_jsonb(old) - 'client_id')
            and ((new.review_on, new.reviewed_by_id, new.reviewed_at)
                    is not distinct from (old.review_on, old.reviewed_by_id, old.reviewed_at)
                or new.reviewed_at is distinct from old.reviewed_at and compliance_is_officer(new.reviewed_by_id))
            -- Whoever asked is on record before somebody else agrees, and is replaced only when they may ask no more.
            and ((new.end_asked_by_id, new.end_asked_at, new.end_why)
                    is not distinct from (old.end_asked_by_id, old.end_asked_at, old.end_why)
                or new.ended_at is null and (
                    num_nonnulls(new.end_asked_by_id, new.end_asked_at) = 0 and new.end_why = ''
                    or compliance_is_officer(new.end_asked_by_id) and not compliance_is_officer(old.end_asked_by_id)
                ))
            and (new.ended_at is null or old.ended_at is not null
                or compliance_is_officer(old.end_asked_by_id) and compliance_is_officer(new.ended_by_id));
    end if;
    if fine is not true then
        raise exception using errcode = 'check_violation', message = 'a_protection_stands',
            constraint = 'a_protection_stands', table = tg_table_name;
    end if;
    return case tg_op when 'DELETE' then old else new end;
end $$;
alter table compliance_vulnerability add constraint a_vulnerability_is_looked_at_again_within_a_year
    check (review_on <= (coalesce(reviewed_at, noted_at) at time zone 'UTC')::date + 366);

create or replace function compliance_certificate_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
declare
    free text[] := array['client_id', 'ended_on', 'ended_by_id'];
    fine boolean;
begin
    if tg_op = 'DELETE' then
        fine := compliance_is_erased(old.client_id)
            or old.recorded_at < now() - interval '2196 days' and compliance_held(old.client_id) is null;
    elsif tg_op = 'INSERT' then
        fine := compliance_is_officer(new.recorded_by_id);
    else
        fine := to_jsonb(new) - free is not distinct from to_jsonb(old) - free
            and (new.client_id = old.client_id or new.client_id in (select compliance_person(old.client_id)))
            and (old.ended_on is null
                or (new.ended_on, new.ended_by_id) is not distinct from (old.ended_on, old.ended_by_id));
    end if;
    if fine is not true then
        raise exception using errcode = 'check_violation', message = 'a_certificate_stands',
            constraint = 'a_certificate_stands', table = tg_table_name;
    end if;
    return case tg_op when 'DELETE' then old else new end;
end $$;
drop trigger certificate_stands on compliance_certificate;
create trigger certificate_stands before insert or update or delete on compliance_certificate
    for each row execute function compliance_certificate_stands();
alter table compliance_certificate enable always trigger certificate_stands;
create trigger never_truncated before truncate on compliance_certificate
    for each statement execute function compliance_only_added_to();
alter table compliance_certificate enable always trigger never_truncated;

create or replace function compliance_screening_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
declare
    fine boolean;
begin
    if tg_op = 'DELETE' then
        fine := compliance_is_erased(old.client_id)
            or old.recorded_at < now() - interval '1830 days' and compliance_held(old.client_id) is null;
    else
        fine := new.screened_on <= (new.recorded_at at time zone 'UTC')::date and (
            tg_op = 'INSERT' or to_jsonb(new) - 'client_id' is not distinct from to_jsonb(old) - 'client_id'
                and (new.client_id = old.client_id or new.client_id in (select compliance_person(old.client_id)))
        );
    end if;
    if fine is not true then
        raise exception using errcode = 'check_violation', message = 'a_screening_stands',
            constraint = 'a_screening_stands', table = tg_table_name;
    end if;
    return case tg_op when 'DELETE' then old else new end;
end $$;
drop trigger screening_stands on compliance_callscreening;
create trigger screening_stands before insert or update or delete on compliance_callscreening
    for each row execute function compliance_screening_stands();
alter table compliance_callscreening enable always trigger screening_stands;
create trigger never_truncated before truncate on compliance_callscreening
    for each statement execute function compliance_only_added_to();
alter table compliance_callscreening enable always trigger never_truncated;
"""
# The functions as in `clients_are_spared_and_certified` and `calls_are_screened_and_affiliates_asked_for`.
DOWN = r"""
drop trigger never_truncated on compliance_callscreening;
drop trigger screening_stands on compliance_callscreening;
create or replace function compliance_screening_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    -- Two records of one person may become one; nothing else about a screening changes.
    if tg_op = 'UPDATE' and to_jsonb(new) - 'client_id' is distinct from to_jsonb(old) - 'client_id'
        or new.screened_on > (new.recorded_at at time zone 'UTC')::date
    then
        raise exception using errcode = 'check_violation', message = 'a_screening_stands',
            constraint = 'a_screening_stands', table = tg_table_name;
    end if;
    return new;
end $$;
create trigger screening_stands before insert or update on compliance_callscreening
    for each row execute function compliance_screening_stands();
alter table compliance_callscreening enable always trigger screening_stands;
drop trigger never_truncated on compliance_certificate;
drop trigger certificate_stands on compliance_certificate;
create or replace function compliance_certificate_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
declare
    free text[] := array['client_id', 'ended_on', 'ended_by_id'];
begin
    if to_jsonb(new) - free is distinct from to_jsonb(old) - free
        or old.ended_on is not null and (new.ended_on, new.ended_by_id) is distinct from (old.ended_on, old.ended_by_id)
    then
        raise exception using errcode = 'check_violation', message = 'a_certificate_stands',
            constraint = 'a_certificate_stands', table = tg_table_name;
    end if;
    return new;
end $$;
create trigger certificate_stands before update on compliance_certificate
    for each row execute function compliance_certificate_stands();
alter table compliance_certificate enable always trigger certificate_stands;
alter table compliance_vulnerability drop constraint a_vulnerability_is_looked_at_again_within_a_year;
create or replace function compliance_vulnerability_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
declare
    free text[] := array['client_id', 'review_on', 'reviewed_by_id', 'reviewed_at', 'end_why', 'end_asked_by_id',
        'end_asked_at', 'ended_by_id', 'ended_at'];
begin
    if tg_op = 'DELETE' and not exists (select from compliance_erasure e where e.client_id in (
            with recursive joined as (
                select c.id, c.merged_into_id from compliance_client c where c.id = old.client_id
                union
                select c.id, c.merged_into_id from compliance_client c join joined on c.id = joined.merged_into_id
            ) select id from joined
        ))
        or tg_op = 'UPDATE' and (
            to_jsonb(new) - free is distinct from to_jsonb(old) - free
            or old.ended_at is not null and to_jsonb(new) - 'client_id' is distinct from to_jsonb(old) - 'client_id'
            -- Whoever asked is on record before somebody else agrees.
            or new.ended_at is not null and old.ended_at is null
                and (old.end_asked_by_id is null or new.end_asked_by_id is distinct from old.end_asked_by_id)
        )
        or tg_op <> 'DELETE' and (
            exists (select from compliance_staff s where s.id in (new.noted_by_id, new.ended_by_id) and s.is_superuser)
            or new.ended_at is not null and tg_op = 'INSERT'
        )
    then
        raise exception using errcode = 'check_violation', message = 'a_protection_stands',
            constraint = 'a_protection_stands', table = tg_table_name;
    end if;
    return case tg_op when 'DELETE' then old else new end;
end $$;
drop function compliance_is_erased(bigint);
drop function compliance_person(bigint);
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0052_clients_are_spared_and_certified")]
    operations = [migrations.RunSQL(UP, DOWN)]
