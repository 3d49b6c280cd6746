"""While a hold binds a client or a campaign, no message of theirs is deleted, whoever tries."""

from django.db import migrations

UP = """
create function campaigns_hold_wins() returns trigger language plpgsql security definer
set search_path = public, pg_temp as $$
begin
    if exists (select from compliance_hold where lifted_at is null) and exists (
        select from gone g where compliance_held(g.client_id) is not null or exists (
            select from compliance_hold h join campaigns_campaign c on c.slug = h.campaign
            where h.lifted_at is null and h.scope = 'campaign' and c.id = g.campaign_id
        )
    ) then
        raise exception using errcode = 'check_violation', message = 'a_hold_wins_over_every_deletion',
            constraint = 'a_hold_wins_over_every_deletion', table = tg_table_name;
    end if;
    return null;
end $$;
create trigger a_hold_wins after delete on campaigns_message referencing old table as gone
    for each statement execute function campaigns_hold_wins();
alter table campaigns_message enable always trigger a_hold_wins;
"""
DOWN = """
drop trigger a_hold_wins on campaigns_message;
drop function campaigns_hold_wins();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0028_campaigns_are_scheduled"),
        ("compliance", "0036_records_have_periods_and_holds"),
    ]
    operations = [migrations.RunSQL(UP, DOWN)]
