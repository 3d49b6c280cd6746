"""The last gate reads the kill switches and the fence, under the lock that throwing a switch waits for."""

from django.db import migrations

UP = """
drop function campaigns_gate(uuid, uuid, timestamptz, timestamptz, text, integer, integer, bytea, bytea, uuid, uuid,
    timestamptz, text);
create function campaigns_gate(
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

create function campaigns_is_stopped(way text, variant bigint, run bigint) returns boolean language sql stable as $$
    select exists (
        select from public.compliance_stop s
        left join public.campaigns_variant v on v.id = variant
        left join public.campaigns_run r on r.id = run
        left join public.campaigns_campaign c on c.id = r.campaign_id
        where s.released_at is null and case s.scope
            when 'everything' then true
            when 'channel' then s.target = way
            when 'campaign' then s.target = c.slug
            when 'model' then s.target = r.artefact_id::text
            when 'topic' then v.topics ? s.target
            when 'block' then exists (
                select from public.campaigns_blockversion w
                join public.campaigns_block b on b.id = w.block_id
                where w.id = any(v.versions) and b.slug = s.target
            )
            else true
        end
    )
$$;
"""

DOWN = """
drop function campaigns_is_stopped(text, bigint, bigint);
drop function campaigns_gate(uuid, uuid, timestamptz, timestamptz, text, integer, integer, bytea, bytea, uuid, uuid,
    timestamptz, text, uuid);
create function campaigns_gate(
    message uuid, token uuid, moment timestamptz, until timestamptz,
    purpose text, asleep_from integer, asleep_to integer,
    inner_pad bytea, outer_pad bytea,
    settled uuid, settled_token uuid, settled_at timestamptz, settled_reply text
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
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0016_pauses_and_caps_are_kept_in_the_ledger"),
        ("compliance", "0022_kill_switches_and_a_fence"),
    ]
    operations = [migrations.RunSQL(UP, DOWN)]
