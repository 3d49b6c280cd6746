"""Nobody is chosen for being vulnerable: asked when a choice changes or starts, so that an old one can be stopped.

As a constraint it was asked at every update: a campaign from before it could not be changed to stopped.
"""

from django.db import migrations

UP = r"""
alter table campaigns_campaignblock drop constraint nobody_is_chosen_for_being_vulnerable;
alter table campaigns_campaign drop constraint nobody_is_chosen_for_being_vulnerable;

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
DOWN = r"""
drop trigger nobody_chosen_changed on campaigns_campaignblock;
drop trigger nobody_chosen_made on campaigns_campaignblock;
drop trigger nobody_chosen_changed on campaigns_campaign;
drop trigger nobody_chosen_made on campaigns_campaign;
drop function campaigns_nobody_chosen_for_being_vulnerable();
drop function campaigns_reads_vulnerability(jsonb);
alter table campaigns_campaign add constraint nobody_is_chosen_for_being_vulnerable
    check (audience::text !~* '"field":\s*"[^"]*vulnerab') not valid;
alter table campaigns_campaignblock add constraint nobody_is_chosen_for_being_vulnerable
    check (rule::text !~* '"field":\s*"[^"]*vulnerab') not valid;
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0050_a_stopped_model_answers_nobody_as_canary_either")]
    operations = [migrations.RunSQL(UP, DOWN)]
