"""A message whose purpose has no record in date waits for one, as it waits for a switch or the fence.

That a record ended is no word about the message: once two people have approved the next, it goes. What the client said,
or an address that is suppressed, is read first and stays final.
"""

from django.db import migrations

VERDICT = """
create or replace function campaigns_verdict(
    message uuid, token uuid, moment timestamptz,
    purpose text, asleep_from integer, asleep_to integer,
    inner_pad bytea, outer_pad bytea,
    armed uuid
) returns text language plpgsql as $$
declare
    m record;
    c record;
    why text;
    hour integer;
    pressed jsonb;
begin
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
    -- waits
    if why <> '' then
        return 'suppressed:' || why;
    end if;

    if not public.campaigns_words_may_go(m.variant_id, moment) then
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

    return 'go';
end $$;
"""
WAITS = """
    if why = 'no_record' then
        return why;
    end if;
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0046_what_is_in_doubt_is_found_at_once")]
    operations = [
        migrations.RunSQL(VERDICT.replace("    -- waits\n", WAITS.lstrip("\n")), VERDICT.replace("    -- waits\n", "")),
    ]
