"""Calm is lifted by two who review, the first asking and the second agreeing; no administrator is either of them."""

from django.db import migrations

UP = """
create function campaigns_calm_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    if tg_op = 'DELETE' or old.lifted_at is not null
        or (new.began_at, new.reason, new.begun_by_id, new.policy_id, new.signal)
            is distinct from (old.began_at, old.reason, old.begun_by_id, old.policy_id, old.signal)
        or new.lift_asked_by_id is distinct from old.lift_asked_by_id
            and (compliance_reviews(old.lift_asked_by_id) or not compliance_reviews(new.lift_asked_by_id)
                or new.lifted_by_id is not null)
        or new.lifted_by_id is not null
            and not (compliance_reviews(old.lift_asked_by_id) and compliance_reviews(new.lifted_by_id))
    then
        raise exception using errcode = 'check_violation', message = 'two_reviewers_lift_calm',
            constraint = 'two_reviewers_lift_calm', table = tg_table_name;
    end if;
    return new;
end $$;
create trigger calm_stands before update or delete on campaigns_calm
    for each row execute function campaigns_calm_stands();
alter table campaigns_calm enable always trigger calm_stands;
"""
DOWN = """
drop trigger calm_stands on campaigns_calm;
drop function campaigns_calm_stands();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0047_a_campaign_may_be_for_affiliates"),
        ("compliance", "0051_reviewers_start_again"),
    ]
    operations = [migrations.RunSQL(UP, DOWN)]
