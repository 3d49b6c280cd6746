"""A policy for calm that is approved while the market is already past its mark begins calm in the same transaction."""

from django.db import migrations

UP = """
create function campaigns_calm_by(policy campaigns_wellbeingpolicy, said personalize_marketsignal) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    -- Only the newest word about the market counts, and none that was known when people lifted calm.
    if said.kind = policy.signal and said.value >= policy.at_least
        and not exists (select from campaigns_calm c where c.lifted_at is null or c.lifted_at >= said.effective_at)
        and not exists (
            select from personalize_marketsignal s where s.kind = said.kind and s.effective_at > said.effective_at
        )
    then
        insert into campaigns_calm (began_at, signal, reason, policy_id)
        values (
            said.effective_at,
            jsonb_build_object('kind', said.kind, 'value', said.value, 'effective_at', said.effective_at),
            format('%s reached %s', said.kind, said.value), policy.id
        )
        on conflict do nothing;
    end if;
end $$;

create or replace function campaigns_begin_calm() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    perform campaigns_calm_by(campaigns_wellbeing_in_force(), new);
    return null;
end $$;

create function campaigns_begin_calm_late() returns trigger language plpgsql set search_path = public, pg_temp as $$
declare
    policy campaigns_wellbeingpolicy := campaigns_wellbeing_in_force();
    newest personalize_marketsignal;
begin
    if policy.digest = new.digest and policy.signal <> '' then
        select * into newest from personalize_marketsignal s
        where s.kind = policy.signal and s.effective_at <= new.decided_at
        order by s.effective_at desc limit 1;
        perform campaigns_calm_by(policy, newest);
    end if;
    return null;
end $$;
create trigger a_policy_begins_calm after update of state on compliance_reviewitem
    for each row when (new.kind = 'policy' and new.state = 'approved' and old.state <> 'approved')
    execute function campaigns_begin_calm_late();
alter table compliance_reviewitem enable always trigger a_policy_begins_calm;
"""
DOWN = """
drop trigger a_policy_begins_calm on compliance_reviewitem;
drop function campaigns_begin_calm_late();
create or replace function campaigns_begin_calm() returns trigger language plpgsql
set search_path = public, pg_temp as $$
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
drop function campaigns_calm_by(campaigns_wellbeingpolicy, personalize_marketsignal);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0042_a_figure_stands_as_a_whole"),
        ("compliance", "0044_what_restricts_is_ended_by_two"),
        ("personalize", "0011_a_later_day_follows_only_a_live_one"),
    ]
    operations = [migrations.RunSQL(UP, DOWN)]
