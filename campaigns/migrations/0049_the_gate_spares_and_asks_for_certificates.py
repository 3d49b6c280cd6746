"""The last gate gives whoever is to be spared nothing that presses, and asks for the certificate that a text needs.

FG21/1 (UK-18) and COBS 4.12B (UK-11): both may have changed since the message was decided. And no audience or rule of a
block reads anything called vulnerable, which is asked when a choice changes or starts.
"""

from django.db import migrations

TOLD = r"""
-- Of a firm without such words the gate reads an empty index.
create index version_of_non_mass_market on campaigns_blockversion (id) where topics ? 'non_mass_market';
create function campaigns_may_be_told(who bigint, moment timestamptz) returns boolean language sql stable as $$
    select public.compliance_certified(who, (moment at time zone 'UTC')::date) or exists (
        select from public.personalize_attribute a
        where a.client_id = who and a.key = 'client_category' and a.origin = 'declared'
            and a.value #>> '{}' = 'professional'
    )
$$;
"""
UNTOLD = """
drop function campaigns_may_be_told(bigint, timestamptz);
drop index version_of_non_mass_market;
"""
SPARED = r"""
create or replace function campaigns_spared(asked uuid, moment timestamptz) returns jsonb
language plpgsql volatile set search_path = public, pg_temp as $$
declare
    one record;
    calm record;
    policy campaigns_wellbeingpolicy;
    most integer;
    within integer;
    spent integer;
    spare boolean;
begin
    select m.client_id, m.address, v.versions, v.pressure, r.plan ->> 'purpose' as purpose
    into one
    from campaigns_message m
    join campaigns_run r on r.id = m.run_id
    left join campaigns_variant v on v.id = m.variant_id
    where m.id = asked;
    if one.purpose = 'service' or one.versions is null then
        return null;
    end if;
    select c.id, coalesce(p.closes_pressing, true) as closes_pressing, coalesce(p.topics, '[]') as topics into calm
    from campaigns_calm c left join campaigns_wellbeingpolicy p on p.id = c.policy_id
    where c.lifted_at is null and c.began_at <= moment;
    if found and exists (
        select from campaigns_blockversion b
        where b.id = any(one.versions) and (
            calm.closes_pressing and greatest(b.urgency, b.fear) >= 50
            or b.topics ?| array(select jsonb_array_elements_text(calm.topics))
        )
    ) then
        return jsonb_build_object('reason', 'calm', 'window', jsonb_build_object('calm', calm.id));
    end if;
    if one.pressure = 0 then
        return null;
    end if;
    policy := campaigns_wellbeing_in_force();
    within := coalesce(policy.days, 30);
    most := coalesce(policy.points, 200);
    -- Whoever is to be spared is not pressed at all: less than one text that presses, however long ago it was noted.
    spare := exists (
        select from compliance_vulnerability v where v.client_id = one.client_id and v.ended_at is null
    );
    if spare then
        most := least(most, 49);
    end if;
    select coalesce(sum(v.pressure), 0) into spent
    from (
        select m.id from campaigns_message m
        where m.client_id = one.client_id and m.intent_at > moment - make_interval(days => within) and m.id <> asked
        union
        select m.id from campaigns_message m
        where m.address = one.address and one.address <> '' and m.id <> asked
            and m.intent_at > moment - make_interval(days => within)
    ) mine
    join campaigns_message m on m.id = mine.id
    join campaigns_run r on r.id = m.run_id and r.plan ->> 'purpose' <> 'service'
    join campaigns_variant v on v.id = m.variant_id;
    if spent + one.pressure > most then
        -- What the window says is read by those who may not know that the client is to be spared.
        return jsonb_build_object('reason', 'pressed_enough', 'window', case when spare
            then jsonb_build_object('pressure', one.pressure)
            else jsonb_build_object('points', most, 'days', within, 'spent', spent, 'pressure', one.pressure) end);
    end if;
    return null;
end $$;
"""
# As in `the_gate_keeps_budget_and_calm`.
SPARED_BEFORE = r"""
create or replace function campaigns_spared(asked uuid, moment timestamptz) returns jsonb
language plpgsql volatile set search_path = public, pg_temp as $$
declare
    one record;
    calm record;
    policy campaigns_wellbeingpolicy;
    most integer;
    within integer;
    spent integer;
begin
    select m.client_id, m.address, v.versions, v.pressure, r.plan ->> 'purpose' as purpose
    into one
    from campaigns_message m
    join campaigns_run r on r.id = m.run_id
    left join campaigns_variant v on v.id = m.variant_id
    where m.id = asked;
    if one.purpose = 'service' or one.versions is null then
        return null;
    end if;
    select c.id, coalesce(p.closes_pressing, true) as closes_pressing, coalesce(p.topics, '[]') as topics into calm
    from campaigns_calm c left join campaigns_wellbeingpolicy p on p.id = c.policy_id
    where c.lifted_at is null and c.began_at <= moment;
    if found and exists (
        select from campaigns_blockversion b
        where b.id = any(one.versions) and (
            calm.closes_pressing and greatest(b.urgency, b.fear) >= 50
            or b.topics ?| array(select jsonb_array_elements_text(calm.topics))
        )
    ) then
        return jsonb_build_object('reason', 'calm', 'window', jsonb_build_object('calm', calm.id));
    end if;
    if one.pressure = 0 then
        return null;
    end if;
    policy := campaigns_wellbeing_in_force();
    within := coalesce(policy.days, 30);
    most := coalesce(policy.points, 200);
    select coalesce(sum(v.pressure), 0) into spent
    from (
        select m.id from campaigns_message m
        where m.client_id = one.client_id and m.intent_at > moment - make_interval(days => within) and m.id <> asked
        union
        select m.id from campaigns_message m
        where m.address = one.address and one.address <> '' and m.id <> asked
            and m.intent_at > moment - make_interval(days => within)
    ) mine
    join campaigns_message m on m.id = mine.id
    join campaigns_run r on r.id = m.run_id and r.plan ->> 'purpose' <> 'service'
    join campaigns_variant v on v.id = m.variant_id;
    if spent + one.pressure > most then
        return jsonb_build_object('reason', 'pressed_enough', 'window', jsonb_build_object(
            'points', most, 'days', within, 'spent', spent, 'pressure', one.pressure));
    end if;
    return null;
end $$;
"""
PRESSED = r"""
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
PRESSED_BEFORE = r"""
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
    spared := campaigns_spared(asked, moment);
    if spared is not null then
        return spared;
    end if;
    cap := campaigns_cap_broken(asked, moment);
    return case when cap is not null then jsonb_build_object('reason', 'capped', 'cap', cap) end;
end $$;
"""
# As a constraint it would be asked at every update: a campaign from before could not be changed to stopped.
CHOSEN = r"""
create function campaigns_reads_vulnerability(rule jsonb) returns boolean language sql immutable as $$
    select coalesce(rule::text ~* '"field":\s*"[^"]*vulnerab', false)
$$;
create function campaigns_nobody_chosen_for_being_vulnerable() returns trigger language plpgsql
set search_path = public, pg_temp as $$
declare
    bad boolean;
begin
    if tg_table_name = 'campaigns_campaignblock' then
        bad := campaigns_reads_vulnerability(new.rule);
    else
        bad := campaigns_reads_vulnerability(new.audience) or new.state = 'running' and exists (
            select from campaigns_campaignblock b
            where b.campaign_id = new.id and campaigns_reads_vulnerability(b.rule)
        );
    end if;
    if bad then
        raise exception using errcode = 'check_violation', message = 'nobody_is_chosen_for_being_vulnerable',
            constraint = 'nobody_is_chosen_for_being_vulnerable', table = tg_table_name;
    end if;
    return new;
end $$;
create trigger nobody_chosen_made before insert on campaigns_campaign
    for each row execute function campaigns_nobody_chosen_for_being_vulnerable();
create trigger nobody_chosen_changed before update on campaigns_campaign
    for each row when (
        new.audience is distinct from old.audience or new.state = 'running' and old.state is distinct from 'running'
    ) execute function campaigns_nobody_chosen_for_being_vulnerable();
create trigger nobody_chosen_made before insert on campaigns_campaignblock
    for each row execute function campaigns_nobody_chosen_for_being_vulnerable();
create trigger nobody_chosen_changed before update on campaigns_campaignblock
    for each row when (new.rule is distinct from old.rule)
    execute function campaigns_nobody_chosen_for_being_vulnerable();
alter table campaigns_campaign enable always trigger nobody_chosen_made;
alter table campaigns_campaign enable always trigger nobody_chosen_changed;
alter table campaigns_campaignblock enable always trigger nobody_chosen_made;
alter table campaigns_campaignblock enable always trigger nobody_chosen_changed;
"""
UNCHOSEN = """
drop trigger nobody_chosen_changed on campaigns_campaignblock;
drop trigger nobody_chosen_made on campaigns_campaignblock;
drop trigger nobody_chosen_changed on campaigns_campaign;
drop trigger nobody_chosen_made on campaigns_campaign;
drop function campaigns_nobody_chosen_for_being_vulnerable();
drop function campaigns_reads_vulnerability(jsonb);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0048_reviewers_lift_calm"),
        ("compliance", "0052_clients_are_spared_and_certified"),
        ("personalize", "0014_a_feature_may_be_for_affiliates"),
    ]
    operations = [
        migrations.RunSQL(TOLD, UNTOLD),
        migrations.RunSQL(SPARED, SPARED_BEFORE),
        migrations.RunSQL(PRESSED, PRESSED_BEFORE),
        migrations.RunSQL(CHOSEN, UNCHOSEN),
    ]
