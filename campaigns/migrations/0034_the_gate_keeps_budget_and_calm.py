"""Blocks are scored by the database, the last gate keeps to budget and calm, and a market signal begins calm.

The lexicon is `campaigns.wellbeing.pressing` version 1, word for word; a test holds them together. Of the gate only
`campaigns_pressed` asks one thing more, behind the locks on the client and the address that it holds already: two
messages to one person never spend the same points.
"""

from django.db import migrations

SCORE = """
create function campaigns_pressing(words text, asked text) returns smallint
language sql immutable set search_path = public, pg_temp as $$
    select least(100, coalesce(sum(l.points * (
        select count(*) from regexp_matches(f.folded, '\\y' || l.phrase || '\\y', 'g')
    )), 0))::smallint
    from (select regexp_replace(translate(lower(words), '\u2018\u2019', ''''''), '\\s+', ' ', 'g') as folded) f
    cross join (values
        ('urgency', 'hurry', 50),
        ('urgency', 'act now', 60),
        ('urgency', 'act fast', 60),
        ('urgency', 'last chance', 60),
        ('urgency', 'don''t miss', 50),
        ('urgency', 'today only', 50),
        ('urgency', 'only today', 50),
        ('urgency', 'ends today', 50),
        ('urgency', 'ends tonight', 50),
        ('urgency', 'ends soon', 50),
        ('urgency', 'expires today', 50),
        ('urgency', 'expires soon', 50),
        ('urgency', 'final days', 50),
        ('urgency', 'final hours', 60),
        ('urgency', 'running out', 50),
        ('urgency', 'only a few left', 50),
        ('urgency', 'limited time', 50),
        ('urgency', 'while stocks last', 50),
        ('urgency', 'now or never', 60),
        ('urgency', 'countdown', 40),
        ('urgency', 'don''t wait', 50),
        ('urgency', 'before it''s too late', 60),
        ('urgency', 'urgent', 40),
        ('urgency', 'immediately', 25),
        ('urgency', 'deadline', 20),
        ('fear', 'lose everything', 60),
        ('fear', 'left with nothing', 60),
        ('fear', 'wiped out', 60),
        ('fear', 'devastating', 50),
        ('fear', 'destitute', 50),
        ('fear', 'disaster', 40),
        ('fear', 'nightmare', 40),
        ('fear', 'ruin', 40),
        ('fear', 'panic', 40),
        ('fear', 'crash', 35),
        ('fear', 'collapse', 35),
        ('fear', 'plunge', 30),
        ('fear', 'regret', 30),
        ('fear', 'miss out', 30),
        ('fear', 'falling behind', 30),
        ('fear', 'left behind', 30),
        ('fear', 'afraid', 25),
        ('fear', 'fear', 20),
        ('fear', 'worried', 15)
    ) l (kind, phrase, points)
    where l.kind = asked
$$;

create function campaigns_score_words() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
    if tg_op = 'UPDATE' and new.body = old.body then
        new.urgency := old.urgency;
        new.fear := old.fear;
        new.lexicon := old.lexicon;
    else
        new.urgency := campaigns_pressing(new.body, 'urgency');
        new.fear := campaigns_pressing(new.body, 'fear');
        new.lexicon := 1;
    end if;
    return new;
end $$;

create function campaigns_sum_pressure() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
    new.pressure := (
        select coalesce(sum(b.urgency + b.fear), 0) from campaigns_blockversion b where b.id = any(new.versions)
    );
    return new;
end $$;

-- Words of before are scored once; that changes nothing that a reader is shown.
alter table campaigns_blockversion disable trigger published_words_never_change;
update campaigns_blockversion
set urgency = campaigns_pressing(body, 'urgency'), fear = campaigns_pressing(body, 'fear'), lexicon = 1;
alter table campaigns_blockversion enable trigger published_words_never_change;
create trigger words_are_scored before insert or update on campaigns_blockversion
    for each row execute function campaigns_score_words();
create trigger words_are_summed before insert on campaigns_variant
    for each row execute function campaigns_sum_pressure();
alter table campaigns_blockversion enable always trigger words_are_scored;
alter table campaigns_variant enable always trigger words_are_summed;
"""

SPARE = """
create function campaigns_wellbeing_in_force() returns campaigns_wellbeingpolicy
language sql stable set search_path = public, pg_temp as $$
    select p from campaigns_wellbeingpolicy p join compliance_reviewitem i on i.digest = p.digest
    where i.state = 'approved'
    order by p.version desc
    limit 1
$$;

create function campaigns_spared(asked uuid, moment timestamptz) returns jsonb
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

# As in `the_gate_looks_by_key_and_address`.
UNSPARE = """
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
drop function campaigns_spared(uuid, timestamptz);
drop function campaigns_wellbeing_in_force();
"""

CALM = """
create function campaigns_begin_calm() returns trigger language plpgsql set search_path = public, pg_temp as $$
declare
    policy campaigns_wellbeingpolicy := campaigns_wellbeing_in_force();
begin
    -- Only the newest word about the market counts, and none that was known when people lifted calm.
    if new.kind = policy.signal and new.value >= policy.at_least
        and not exists (select from campaigns_calm c where c.lifted_at is null or c.lifted_at >= new.effective_at)
        and not exists (
            select from personalize_marketsignal s where s.kind = new.kind and s.effective_at > new.effective_at
        )
    then
        insert into campaigns_calm (began_at, signal, reason, policy_id)
        values (
            new.effective_at,
            jsonb_build_object('kind', new.kind, 'value', new.value, 'effective_at', new.effective_at),
            format('%s reached %s', new.kind, new.value), policy.id
        )
        on conflict do nothing;
    end if;
    return null;
end $$;

create trigger a_signal_begins_calm after insert or update on personalize_marketsignal
    for each row execute function campaigns_begin_calm();
alter table personalize_marketsignal enable always trigger a_signal_begins_calm;

create function campaigns_keep_calm() returns trigger language plpgsql set search_path = public, pg_temp as $$
declare
    free text[] := array['lift_asked_by_id', 'lift_asked_at', 'lifted_by_id', 'lifted_at'];
begin
    if tg_op = 'DELETE' or old.lifted_at is not null or to_jsonb(old) - free is distinct from to_jsonb(new) - free then
        raise exception 'a time of calm is lifted by two people and never changed'
            using errcode = 'restrict_violation', constraint = 'calm_never_changes';
    end if;
    return new;
end $$;

create trigger calm_never_changes before update or delete on campaigns_calm
    for each row execute function campaigns_keep_calm();
alter table campaigns_calm enable always trigger calm_never_changes;
comment on table campaigns_calm is 'application may select, insert, update';
select compliance_keep_images_of('campaigns_calm', 'id', '{}');
create trigger only_added_to before update or delete on campaigns_wellbeingpolicy
    for each row execute function compliance_only_added_to();
alter table campaigns_wellbeingpolicy enable always trigger only_added_to;
comment on table campaigns_wellbeingpolicy is 'application may select, insert';
select compliance_keep_images_of('campaigns_wellbeingpolicy', 'id', '{}');
"""

UNCALM = """
select compliance_keep_no_images_of('campaigns_wellbeingpolicy');
drop trigger only_added_to on campaigns_wellbeingpolicy;
select compliance_keep_no_images_of('campaigns_calm');
drop trigger calm_never_changes on campaigns_calm;
drop function campaigns_keep_calm();
drop trigger a_signal_begins_calm on personalize_marketsignal;
drop function campaigns_begin_calm();
"""

UNSCORE = """
drop trigger words_are_summed on campaigns_variant;
drop trigger words_are_scored on campaigns_blockversion;
drop function campaigns_sum_pressure();
drop function campaigns_score_words();
drop function campaigns_pressing(text, text);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0033_pressure_has_a_budget_and_calm"),
        ("personalize", "0007_the_guard_of_models_is_always_on"),
    ]
    operations = [
        migrations.RunSQL(SCORE, UNSCORE),
        migrations.RunSQL(SPARE, UNSPARE),
        migrations.RunSQL(CALM, UNCALM),
    ]
