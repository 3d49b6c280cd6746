"""Who belongs to which protected group, for testing alone: the application may count groups and never read a member.

The table is in a schema of its own, which the application cannot open. Two functions with their owner's rights are the
only doors: one takes memberships in, one counts clients by group. Erasing a client takes their memberships with them.
"""

from django.db import migrations

UP = """
create schema fairness;

create table fairness.membership (
    client_id bigint not null,
    attribute text not null constraint an_attribute_is_a_word check (attribute ~ '^[a-z][a-z_]{0,39}$'),
    value text not null constraint a_group_has_a_name check (value <> '' and length(value) <= 60),
    probability real not null constraint a_probability check (probability between 0 and 1),
    basis text not null constraint a_basis_is_known check (basis in ('volunteered', 'audit', 'area', 'proxy')),
    consented_at timestamptz,
    source text not null,
    at timestamptz not null,
    primary key (client_id, attribute, value),
    constraint what_is_volunteered_was_consented_to check (basis <> 'volunteered' or consented_at is not null),
    constraint what_is_known_is_certain check (probability = 1 or basis in ('area', 'proxy'))
);

create function compliance_groups_put(
    clients bigint[], attributes text[], groups text[], probabilities real[], bases text[], consents timestamptz[],
    told_by text, moment timestamptz
) returns bigint language sql security definer set search_path = public, pg_temp as $$
    with given as materialized (
        select g.*
        from unnest(clients, attributes, groups, probabilities, bases, consents)
            as g (client_id, attribute, value, probability, basis, consented_at)
        join public.compliance_client c on c.id = g.client_id and c.erased_at is null
    ), former as (  -- a person is known to be in one group of an attribute, and probably in several
        delete from fairness.membership m using given g
        where m.client_id = g.client_id and m.attribute = g.attribute and m.value <> g.value
            and g.basis in ('volunteered', 'audit')
    ), put as (
        insert into fairness.membership as m
        select client_id, attribute, value, probability, basis, consented_at, told_by, moment from given
        on conflict (client_id, attribute, value) do update
        set probability = excluded.probability, basis = excluded.basis, consented_at = excluded.consented_at,
            source = excluded.source, at = excluded.at
        where (m.probability, m.basis) is distinct from (excluded.probability, excluded.basis)
        returning 1
    )
    select count(*) from put
$$;

-- Counts among many: fewer than 100 clients are refused, groups of fewer than 20 are left out.
create function compliance_groups_tally(clients bigint[], strata integer[], amounts float8[])
returns table (attribute text, value text, probability float8, stratum integer, n bigint, total float8, squares float8)
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
    if (select count(distinct c) from unnest(clients) c) < 100 then
        raise exception using errcode = 'check_violation', message = 'groups_are_counted_among_many',
            constraint = 'groups_are_counted_among_many';
    end if;
    return query
    with given as (
        select g.client_id, g.stratum, g.amount from unnest(clients, strata, amounts) as g (client_id, stratum, amount)
    ), joined as materialized (
        select m.attribute, m.value, round(m.probability::numeric, 2)::float8 as probability, g.stratum, g.amount
        from given g join fairness.membership m on m.client_id = g.client_id
    ), large as (
        select j.attribute, j.value from joined j group by 1, 2 having count(*) >= 20
    )
    select j.attribute, j.value, j.probability, j.stratum, count(*), sum(j.amount), sum(j.amount * j.amount)
    from joined j join large l on l.attribute = j.attribute and l.value = j.value
    group by 1, 2, 3, 4
    order by 1, 2, 3, 4;
end $$;

create function compliance_forget_groups() returns trigger language plpgsql security definer
set search_path = public, pg_temp as $$
begin
    delete from fairness.membership m using public.compliance_client c
    where m.client_id = c.id and (c.id = new.id or c.merged_into_id = new.id);
    return null;
end $$;
create trigger groups_are_forgotten after update of erased_at on compliance_client
    for each row when (new.erased_at is not null) execute function compliance_forget_groups();
alter table compliance_client enable always trigger groups_are_forgotten;

revoke all on function compliance_groups_put(
    bigint[], text[], text[], real[], text[], timestamptz[], text, timestamptz) from public;
revoke all on function compliance_groups_tally(bigint[], integer[], float8[]) from public;
"""

DOWN = """
drop trigger groups_are_forgotten on compliance_client;
drop function compliance_forget_groups();
drop function compliance_groups_tally(bigint[], integer[], float8[]);
drop function compliance_groups_put(
    bigint[], text[], text[], real[], text[], timestamptz[], text, timestamptz);
drop schema fairness cascade;
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0022_kill_switches_and_a_fence")]
    operations = [migrations.RunSQL(UP, DOWN)]
