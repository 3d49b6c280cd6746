"""The last gate keeps a message back until the hours come in which its client wishes to hear from us."""

from django.db import migrations

PRESSED = r"""
create or replace function campaigns_pressed(asked uuid, moment timestamptz) returns jsonb
language plpgsql volatile set search_path = public, pg_temp as $$
declare
    one record;
    cap jsonb;
    spared jsonb;
    zone text;
    hour integer;
begin
    select r.launched_at + make_interval(hours => (r.plan ->> 'latest_hours')::int) < moment as is_late,
        exists (select from campaigns_pause p where p.run_id = r.id and p.resumed_at is null) as is_paused,
        m.run_id, m.address, m.client_id,
        case when r.plan ->> 'purpose' <> 'service' then nullif(w.hours, '') end as hours,
        r.plan ->> 'purpose' <> 'service'
            and v.topics ?| array(select jsonb_array_elements_text(w.topics_declined)) as declined,
        exists (
            select from campaigns_blockversion b where b.id = any(v.versions) and b.topics ? 'non_mass_market'
        ) and not campaigns_may_be_told(m.client_id, moment) as is_barred
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
    elsif one.is_barred then
        return '{"reason": "uncertified"}';
    end if;
    if one.hours is not null then
        select c.timezone into zone from compliance_client c where c.id = one.client_id;
        hour := extract(hour from moment at time zone campaigns_zone(zone));
        if hour < split_part(one.hours, '-', 1)::int or hour >= split_part(one.hours, '-', 2)::int then
            return jsonb_build_object('reason', 'wished_hours', 'hours', one.hours, 'zone', zone);
        end if;
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
    spared := campaigns_spared(asked, moment);
    if spared is not null then
        return spared;
    end if;
    cap := campaigns_cap_broken(asked, moment);
    return case when cap is not null then jsonb_build_object('reason', 'capped', 'cap', cap) end;
end $$;
"""
# As in `the_gate_spares_and_asks_for_certificates`.
BEFORE = r"""
create or replace function campaigns_pressed(asked uuid, moment timestamptz) returns jsonb
language plpgsql volatile set search_path = public, pg_temp as $$
declare
    one record;
    cap jsonb;
    spared jsonb;
begin
    select r.launched_at + make_interval(hours => (r.plan ->> 'latest_hours')::int) < moment as is_late,
        exists (select from campaigns_pause p where p.run_id = r.id and p.resumed_at is null) as is_paused,
        m.run_id, m.address,
        r.plan ->> 'purpose' <> 'service'
            and v.topics ?| array(select jsonb_array_elements_text(w.topics_declined)) as declined,
        exists (
            select from campaigns_blockversion b where b.id = any(v.versions) and b.topics ? 'non_mass_market'
        ) and not campaigns_may_be_told(m.client_id, moment) as is_barred
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
    elsif one.is_barred then
        return '{"reason": "uncertified"}';
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
    spared := campaigns_spared(asked, moment);
    if spared is not null then
        return spared;
    end if;
    cap := campaigns_cap_broken(asked, moment);
    return case when cap is not null then jsonb_build_object('reason', 'capped', 'cap', cap) end;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0051_a_message_leaves_when_its_client_reads"),
        ("compliance", "0054_clients_wish_for_hours"),
    ]
    operations = [migrations.RunSQL(PRESSED, BEFORE)]
