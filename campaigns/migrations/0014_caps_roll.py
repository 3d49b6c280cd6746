"""The cap that a message would break, counted at the moment it is asked, with every other hand-over to the same person
shut out.

The caller holds the client's row. Clients who share an address share the second lock, so a person with two records is
still one person. Each statement in here sees what was committed while it waited for the locks: the function is volatile.
Service messages are a class of their own: they break no cap and count towards none.
"""

from django.db import migrations

CAP_BROKEN = """
create function campaigns_cap_broken(asked uuid, at timestamptz) returns jsonb
language plpgsql volatile set search_path = public, pg_temp as $$
declare
    one record;
    broken jsonb;
begin
    select m.client_id, m.channel, m.address, r.plan, coalesce(v.topics, '[]') as topics,
        coalesce(v.is_urgent, false) as urgent, p.max_per_week
    into one
    from campaigns_message m
    join campaigns_run r on r.id = m.run_id
    left join campaigns_variant v on v.id = m.variant_id
    left join compliance_preference p on p.client_id = m.client_id
    where m.id = asked;
    if one.plan ->> 'purpose' = 'service' then
        return null;
    end if;
    if one.address <> '' then
        perform pg_advisory_xact_lock(hashtextextended('campaigns.address:' || one.address, 0));
    end if;
    with mine as (
        select m.id from campaigns_message m
        where m.client_id = one.client_id and m.intent_at > at - interval '30 days' and m.id <> asked
        union
        select m.id from campaigns_message m
        where m.address = one.address and one.address <> '' and m.intent_at > at - interval '30 days' and m.id <> asked
    ),
    had as (
        select m.intent_at, m.channel, coalesce(v.topics, '[]') as topics, coalesce(v.is_urgent, false) as urgent
        from mine
        join campaigns_message m on m.id = mine.id
        join campaigns_run r on r.id = m.run_id and r.plan ->> 'purpose' <> 'service'
        left join campaigns_variant v on v.id = m.variant_id
    ),
    caps as (
        -- What the client wishes stands for the campaign's week, be it more or less.
        select case when one.max_per_week is null then 'campaign' else 'client' end as by, 7 as days,
            coalesce(one.max_per_week, (one.plan ->> 'cap')::int) as most, '' as channel, '' as topic, false as urgent
        union all
        select 'campaign', c.days, c.most, coalesce(c.channel, ''), coalesce(c.topic, ''), coalesce(c.urgent, false)
        from jsonb_to_recordset(coalesce(one.plan -> 'caps', '[]'))
            as c (days int, most int, channel text, topic text, urgent boolean)
        union all
        select 'firm', c.days, c.most, c.channel, c.topic, c.is_urgent from campaigns_cap c
    ),
    reached as (
        select c.*, room.opens
        from caps c
        cross join lateral (
            select count(*) as n,
                -- There is room when all but most - 1 of them have left the window.
                (array_agg(h.intent_at order by h.intent_at desc))[greatest(c.most, 1)] + make_interval(days => c.days)
                    as opens
            from had h
            where h.intent_at > at - make_interval(days => c.days)
                and (c.channel = '' or h.channel = c.channel)
                and (c.topic = '' or h.topics ? c.topic)
                and (not c.urgent or h.urgent)
        ) as room
        where (c.channel = '' or c.channel = one.channel)
            and (c.topic = '' or one.topics ? c.topic)
            and (not c.urgent or one.urgent)
            and room.n >= c.most
    )
    select jsonb_build_object('by', r.by, 'days', r.days, 'most', r.most, 'channel', r.channel, 'topic', r.topic,
        'urgent', r.urgent, 'opens', case when r.most > 0 then r.opens end)
    into broken
    from reached r
    -- The one that holds longest; one that never opens first.
    order by r.most = 0 desc, r.opens desc, r.days desc, r.by
    limit 1;
    return broken;
end $$;
"""

# Nothing here changes the message: what is to be done about it is the campaign's choice, see campaigns.limits.gate.
PRESSED = """
create function campaigns_pressed(asked uuid, moment timestamptz) returns jsonb
language plpgsql volatile set search_path = public, pg_temp as $$
declare
    one record;
    cap jsonb;
begin
    select r.launched_at + make_interval(hours => (r.plan ->> 'latest_hours')::int) < moment as is_late,
        exists (select from campaigns_pause p where p.run_id = r.id and p.resumed_at is null) as is_paused,
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
    cap := campaigns_cap_broken(asked, moment);
    return case when cap is not null then jsonb_build_object('reason', 'capped', 'cap', cap) end;
end $$;
"""

# As in `one_gate_before_the_dot`, but for the cap, which `campaigns_pressed` counts, and that comes last.
GATE = """
drop function campaigns_gate(uuid, uuid, timestamptz, timestamptz, text, integer, timestamptz, integer, integer, bytea,
    bytea, uuid, uuid, timestamptz, text);
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
    dependencies = [("campaigns", "0013_campaigns_have_caps")]
    operations = [
        migrations.RunSQL(CAP_BROKEN, "drop function campaigns_cap_broken(uuid, timestamptz)"),
        migrations.RunSQL(PRESSED, "drop function campaigns_pressed(uuid, timestamptz)"),
        migrations.RunSQL(GATE, migrations.RunSQL.noop),  # the gate of before asks for what no caller gives any more
    ]
