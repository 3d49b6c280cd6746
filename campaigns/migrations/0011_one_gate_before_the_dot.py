"""The last gate before a message leaves, as one function: one round trip, one durable commit.

It settles the message before, locks the client (the lock an opt-out takes), reads again everything that could forbid
this one, and writes the intent or why not. Each statement inside sees what was committed when it began, so a lock that
was waited for is followed by the truth.
"""

from django.db import migrations

UP = """
create function campaigns_gate(
    message uuid, token uuid, moment timestamptz, until timestamptz,
    purpose text, cap integer, cap_since timestamptz, asleep_from integer, asleep_to integer,
    inner_pad bytea, outer_pad bytea,
    settled uuid, settled_token uuid, settled_at timestamptz, settled_reply text
) returns text language plpgsql as $$
declare
    m record;
    c record;
    why text;
    hour integer;
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
                when purpose <> 'service' and (
                    select count(*) from public.campaigns_message o
                    where o.client_id = m.client_id and o.intent_at > cap_since
                ) >= coalesce(
                    (select p.max_per_week from public.compliance_preference p where p.client_id = m.client_id), cap
                ) then 'capped'
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

    update public.campaigns_message
    set state = 'intent', intent_at = moment, lease_until = until
    where id = message;
    return 'go';
end $$;

-- What variants.standing calls "go": nothing of it refused, taken back or ended, and the text, or else each block, approved.
create function campaigns_words_may_go(variant bigint, moment timestamptz) returns boolean language sql stable as $$
    select not exists (
            select from public.compliance_reviewitem i
            where i.digest = any(v.blocks::text[] || v.digest::text) and i.state in ('rejected', 'withdrawn')
        ) and not exists (
            select from public.campaigns_blockversion b where b.id = any(v.versions) and b.valid_until <= moment
        ) and (
            exists (
                select from public.compliance_reviewitem i
                where i.digest = v.digest and i.state = 'approved' and (i.valid_until is null or i.valid_until > moment)
            ) or (
                not v.needs_review and cardinality(v.blocks) = (
                    select count(*) from unnest(v.blocks) b (digest)
                    join public.compliance_reviewitem i on i.digest = b.digest
                    where i.state = 'approved' and (i.valid_until is null or i.valid_until > moment)
                )
            )
        )
    from public.campaigns_variant v
    where v.id = variant
$$;

-- A zone nobody knows counts as UTC, as in campaigns.quiet.
create function campaigns_zone(named text) returns text language plpgsql stable as $$
begin
    perform now() at time zone named;
    return named;
exception when invalid_parameter_value then
    return 'UTC';
end $$;

create trigger hand_overs_wait before update of state on campaigns_run
    for each row when (new.state = 'stopped') execute function compliance_hold_hand_overs();
alter table campaigns_run enable always trigger hand_overs_wait;
"""

DOWN = """
drop trigger hand_overs_wait on campaigns_run;
drop function campaigns_gate(uuid, uuid, timestamptz, timestamptz, text, integer, timestamptz, integer, integer, bytea,
    bytea, uuid, uuid, timestamptz, text);
drop function campaigns_words_may_go(bigint, timestamptz);
drop function campaigns_zone(text);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0010_provider_events_count_once"),
        ("compliance", "0019_one_answer_for_everybody"),
    ]
    operations = [migrations.RunSQL(UP, DOWN)]
