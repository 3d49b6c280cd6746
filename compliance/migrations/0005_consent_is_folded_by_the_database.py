"""Consent answers are the fold of consent events, made by the database in the transaction that adds an event.

The fold walks a client's events of one purpose and channel in the order in which they happened, a yes before a no of
the same moment. A no bars everything until the person's own later yes; an import never lifts a no and never changes
what the person said; an import without its wording only waits; `confirmed` counts after a yes that waits or stands.
A no with channel "any" counts for all channels, an objection for all direct marketing and for profiling.
"""

from django.db import migrations

UP = """
create type compliance_consent_answer as (
    state text, basis text, since uuid, valid_until timestamptz, barred boolean, own boolean
);

create function compliance_consent_denies(action text) returns boolean language sql immutable parallel safe as $$
    select action in ('refused', 'withdrawn', 'objected', 'expired', 'gpc_on', 'merged')
$$;

create function compliance_consent_step(
    kept compliance_consent_answer, action text, basis text, worded boolean, doubled boolean, event uuid,
    valid_until timestamptz
) returns compliance_consent_answer language plpgsql immutable parallel safe as $$
begin
    if compliance_consent_denies(action) then
        return row('denied', basis, event, null, true, true)::compliance_consent_answer;
    elsif action = 'given' and doubled then
        return row('pending', basis, event, valid_until, coalesce(kept.barred, false), true)::compliance_consent_answer;
    elsif action = 'given' then
        return row('allowed', basis, event, valid_until, false, true)::compliance_consent_answer;
    elsif action = 'confirmed' and kept.state in ('pending', 'allowed') then
        return row('allowed', kept.basis, event, coalesce(valid_until, kept.valid_until), false, true)::compliance_consent_answer;
    elsif action = 'imported' and not coalesce(kept.barred, false) and not coalesce(kept.own, false) then
        return row(case when worded then 'allowed' else 'pending' end, basis, event, valid_until, false, false)::compliance_consent_answer;
    end if;
    return kept;
end $$;

create aggregate compliance_consent_last(text, text, boolean, boolean, uuid, timestamptz) (
    sfunc = compliance_consent_step, stype = compliance_consent_answer, parallel = safe
);

create function compliance_consent_fold(clients bigint[])
returns table (client_id bigint, purpose text, channel text, fold compliance_consent_answer)
language sql stable as $$
    with told as materialized (
        select e.* from compliance_consentevent e where e.client_id = any (clients)
    ), asked as (
        select t.client_id, t.purpose, t.channel from told t
        union
        select t.client_id, p.purpose, 'any'
        from told t, (values ('marketing'), ('partner'), ('profiling')) p (purpose)
        where t.action = 'objected'
    ), answered as (
        select a.client_id, a.purpose, a.channel, compliance_consent_last(
            t.action, t.basis, t.wording_id is not null, t.evidence @> '{"double_opt_in": true}',
            t.id, t.valid_until
            order by t.occurred_at, compliance_consent_denies(t.action), t.recorded_at, t.id
        ) as fold
        from asked a
        join told t on t.client_id = a.client_id and (
            (t.purpose = a.purpose and t.channel = a.channel)
            or (t.purpose = a.purpose and t.channel = 'any' and compliance_consent_denies(t.action))
            or (t.action = 'objected' and a.purpose in ('marketing', 'partner', 'profiling'))
        )
        group by a.client_id, a.purpose, a.channel
    )
    select client_id, purpose, channel, fold from answered where (fold).state is not null
$$;

create function compliance_consent_keep() returns trigger language plpgsql as $$
declare
    touched bigint[] := array(select distinct client_id from added);
begin
    -- Two acts of one client at the same time: the second waits here, then sees the first. Not FOR UPDATE, which
    -- would wait for every foreign key check; the two exclude each other all the same.
    perform 1 from compliance_client where id = any (touched) order by id for no key update;
    insert into compliance_consentstate as s (client_id, purpose, channel, state, basis, since_id, valid_until)
    select client_id, purpose, channel, (fold).state, (fold).basis, (fold).since, (fold).valid_until
    from compliance_consent_fold(touched)
    order by client_id, purpose, channel
    on conflict (client_id, purpose, channel) do update
    set state = excluded.state, basis = excluded.basis, since_id = excluded.since_id,
        valid_until = excluded.valid_until
    where (s.state, s.basis, s.since_id, s.valid_until)
        is distinct from (excluded.state, excluded.basis, excluded.since_id, excluded.valid_until);
    return null;
end $$;

create trigger consent_is_folded after insert on compliance_consentevent
    referencing new table as added for each statement execute function compliance_consent_keep();
alter table compliance_consentevent enable always trigger consent_is_folded;

create function compliance_consent_guard() returns trigger language plpgsql as $$
begin
    if pg_trigger_depth() < 2 then
        raise exception using errcode = 'check_violation', message = 'only_the_fold_of_events_answers_for_consent',
            constraint = 'only_the_fold_of_events_answers_for_consent', table = 'compliance_consentstate';
    end if;
    return new;
end $$;

create trigger consent_answers_are_folded before insert or update on compliance_consentstate
    for each row execute function compliance_consent_guard();
alter table compliance_consentstate enable always trigger consent_answers_are_folded;
"""

DOWN = """
drop trigger consent_answers_are_folded on compliance_consentstate;
drop function compliance_consent_guard();
drop trigger consent_is_folded on compliance_consentevent;
drop function compliance_consent_keep();
drop function compliance_consent_fold(bigint[]);
drop aggregate compliance_consent_last(text, text, boolean, boolean, uuid, timestamptz);
drop function compliance_consent_step(compliance_consent_answer, text, text, boolean, boolean, uuid, timestamptz);
drop function compliance_consent_denies(text);
drop type compliance_consent_answer;
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0004_a_consent_names_its_channel_and_time")]
    operations = [migrations.RunSQL(UP, DOWN)]
