"""The gate finds a message by its key and a twin by its address, whatever the planner believes of the states.

Right after a launch no message is known to be claimed or sent, so the index on (run, state) looked cheapest and each
question read every message of the run that had gone before: a run's cost grew with its square. `run_id + 0` and
`state || ''` keep that index out; an address has few messages. The twin is looked for once, behind the address's lock.
"""

from django.db import migrations

UP = """
create or replace function campaigns_gate(
    message uuid, token uuid, moment timestamptz, until timestamptz,
    purpose text, asleep_from integer, asleep_to integer,
    inner_pad bytea, outer_pad bytea,
    settled uuid, settled_token uuid, settled_at timestamptz, settled_reply text,
    armed uuid
) returns text language plpgsql as $$
declare
    m record;
    c record;
    why text;
    hour integer;
    pressed jsonb;
begin
    if settled is not null then
        update public.campaigns_message
        set state = 'sent', reason = '', sent_at = settled_at, reply = settled_reply, lease = null, lease_until = null
        where id = settled and lease = settled_token and state in ('intent', 'unconfirmed');
    end if;

    perform pg_advisory_xact_lock_shared(740301);
    select k.id, k.email, k.timezone into c
    from public.compliance_client k
    where k.id = (select x.client_id from public.campaigns_message x where x.id = message)
    for no key update;

    select x.client_id, x.run_id, x.address, x.channel, x.variant_id, x.state, x.lease, r.state as run_state into m
    from public.campaigns_message x
    join public.campaigns_run r on r.id = x.run_id
    where x.id = message;
    if not found or m.state <> 'claimed' or m.lease is distinct from token then
        return 'lost_lease';
    end if;

    -- Neither is a word about this message: it waits until a person has spoken.
    if armed is null or not exists (select from public.compliance_fence f where f.epoch = armed) then
        return 'fenced';
    end if;
    if exists (select from public.compliance_stop s where s.released_at is null)
        and public.campaigns_is_stopped(m.channel, m.variant_id, m.run_id)
    then
        return 'stopped';
    end if;

    why := '';
    if m.run_state = 'stopped' then
        why := 'run_stopped';
    else
        select a.reason into why
        from public.compliance_answer(m.client_id, purpose, m.channel, moment, inner_pad, outer_pad) a;
        if why = 'ok' then
            why := case when c.email <> m.address then 'address_changed' else '' end;
        end if;
    end if;
    if why <> '' then
        update public.campaigns_message
        set state = 'suppressed', reason = why, lease = null, lease_until = null
        where id = message;
        return 'suppressed:' || why;
    end if;

    if not public.campaigns_words_may_go(m.variant_id, moment) then
        update public.campaigns_message
        set state = 'held', reason = 'approval_gone', lease = null, lease_until = null
        where id = message;
        return 'held';
    end if;

    if asleep_from is not null and purpose <> 'service' then
        hour := extract(hour from moment at time zone public.campaigns_zone(c.timezone));
        if (asleep_from < asleep_to and hour >= asleep_from and hour < asleep_to)
            or (asleep_from > asleep_to and (hour >= asleep_from or hour < asleep_to))
        then
            return 'quiet';
        end if;
    end if;

    pressed := public.campaigns_pressed(message, moment);
    if pressed is not null then
        return 'pressed:' || pressed::text;
    end if;

    update public.campaigns_message
    set state = 'intent', intent_at = moment, lease_until = until
    where id = message;
    return 'go';
end $$;

create or replace function campaigns_pressed(asked uuid, moment timestamptz) returns jsonb
language plpgsql volatile set search_path = public, pg_temp as $$
declare
    one record;
    cap jsonb;
begin
    select r.launched_at + make_interval(hours => (r.plan ->> 'latest_hours')::int) < moment as is_late,
        exists (select from campaigns_pause p where p.run_id = r.id and p.resumed_at is null) as is_paused,
        m.run_id, m.address,
        r.plan ->> 'purpose' <> 'service'
            and v.topics ?| array(select jsonb_array_elements_text(w.topics_declined)) as declined
    into one
    from campaigns_message m
    join campaigns_run r on r.id = m.run_id
    left join campaigns_variant v on v.id = m.variant_id
    left join compliance_preference w on w.client_id = m.client_id
    where m.id = asked;
    if one.is_late then
        return '{"reason": "too_late"}';
    elsif one.is_paused then
        return '{"reason": "run_paused"}';
    elsif one.declined then
        return '{"reason": "topic_declined"}';
    end if;
    if one.address <> '' then
        perform pg_advisory_xact_lock(hashtextextended('campaigns.address:' || one.address, 0));
        if exists (
            select from campaigns_message m
            where m.address = one.address and m.intent_at is not null and m.run_id + 0 = one.run_id
                and m.id <> asked and m.state || '' in ('intent', 'sent', 'unconfirmed')
        ) then
            return '{"reason": "duplicate_address"}';
        end if;
    end if;
    cap := campaigns_cap_broken(asked, moment);
    return case when cap is not null then jsonb_build_object('reason', 'capped', 'cap', cap) end;
end $$;
"""

DOWN = """
create or replace function campaigns_gate(
    message uuid, token uuid, moment timestamptz, until timestamptz,
    purpose text, asleep_from integer, asleep_to integer,
    inner_pad bytea, outer_pad bytea,
    settled uuid, settled_token uuid, settled_at timestamptz, settled_reply text,
    armed uuid
) returns text language plpgsql as $$
declare
    m record;
    c record;
    why text;
    hour integer;
    pressed jsonb;
begin
    if settled is not null then
        update public.campaigns_message
        set state = 'sent', reason = '', sent_at = settled_at, reply = settled_reply, lease = null, lease_until = null
        where id = settled and lease = settled_token and state in ('intent', 'unconfirmed');
    end if;

    perform pg_advisory_xact_lock_shared(740301);
    select k.id, k.email, k.timezone into c
    from public.compliance_client k
    where k.id = (select x.client_id from public.campaigns_message x where x.id = message)
    for no key update;

    select x.client_id, x.run_id, x.address, x.channel, x.variant_id, r.state as run_state into m
    from public.campaigns_message x
    join public.campaigns_run r on r.id = x.run_id
    where x.id = message and x.lease = token and x.state = 'claimed';
    if not found then
        return 'lost_lease';
    end if;

    -- Neither is a word about this message: it waits until a person has spoken.
    if armed is null or not exists (select from public.compliance_fence f where f.epoch = armed) then
        return 'fenced';
    end if;
    if exists (select from public.compliance_stop s where s.released_at is null)
        and public.campaigns_is_stopped(m.channel, m.variant_id, m.run_id)
    then
        return 'stopped';
    end if;

    why := '';
    if m.run_state = 'stopped' then
        why := 'run_stopped';
    else
        select a.reason into why
        from public.compliance_answer(m.client_id, purpose, m.channel, moment, inner_pad, outer_pad) a;
        if why = 'ok' then
            why := case
                when c.email <> m.address then 'address_changed'
                when exists (
                    select from public.campaigns_message o
                    where o.run_id = m.run_id and o.address = m.address and o.id <> message
                        and o.state in ('intent', 'sent', 'unconfirmed')
                ) then 'duplicate_address'
                else ''
            end;
        end if;
    end if;
    if why <> '' then
        update public.campaigns_message
        set state = 'suppressed', reason = why, lease = null, lease_until = null
        where id = message;
        return 'suppressed:' || why;
    end if;

    if not public.campaigns_words_may_go(m.variant_id, moment) then
        update public.campaigns_message
        set state = 'held', reason = 'approval_gone', lease = null, lease_until = null
        where id = message;
        return 'held';
    end if;

    if asleep_from is not null and purpose <> 'service' then
        hour := extract(hour from moment at time zone public.campaigns_zone(c.timezone));
        if (asleep_from < asleep_to and hour >= asleep_from and hour < asleep_to)
            or (asleep_from > asleep_to and (hour >= asleep_from or hour < asleep_to))
        then
            return 'quiet';
        end if;
    end if;

    pressed := public.campaigns_pressed(message, moment);
    if pressed is not null then
        return 'pressed:' || pressed::text;
    end if;

    update public.campaigns_message
    set state = 'intent', intent_at = moment, lease_until = until
    where id = message;
    return 'go';
end $$;

create or replace function campaigns_pressed(asked uuid, moment timestamptz) returns jsonb
language plpgsql volatile set search_path = public, pg_temp as $$
declare
    one record;
    cap jsonb;
begin
    select r.launched_at + make_interval(hours => (r.plan ->> 'latest_hours')::int) < moment as is_late,
        exists (select from campaigns_pause p where p.run_id = r.id and p.resumed_at is null) as is_paused,
        m.run_id, m.address,
        r.plan ->> 'purpose' <> 'service'
            and v.topics ?| array(select jsonb_array_elements_text(w.topics_declined)) as declined
    into one
    from campaigns_message m
    join campaigns_run r on r.id = m.run_id
    left join campaigns_variant v on v.id = m.variant_id
    left join compliance_preference w on w.client_id = m.client_id
    where m.id = asked;
    if one.is_late then
        return '{"reason": "too_late"}';
    elsif one.is_paused then
        return '{"reason": "run_paused"}';
    elsif one.declined then
        return '{"reason": "topic_declined"}';
    end if;
    if one.address <> '' then
        perform pg_advisory_xact_lock(hashtextextended('campaigns.address:' || one.address, 0));
        if exists (
            select from campaigns_message m
            where m.run_id = one.run_id and m.address = one.address and m.id <> asked
                and m.state in ('intent', 'sent', 'unconfirmed')
        ) then
            return '{"reason": "duplicate_address"}';
        end if;
    end if;
    cap := campaigns_cap_broken(asked, moment);
    return case when cap is not null then jsonb_build_object('reason', 'capped', 'cap', cap) end;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0022_a_policy_learns")]
    operations = [migrations.RunSQL(UP, DOWN)]
