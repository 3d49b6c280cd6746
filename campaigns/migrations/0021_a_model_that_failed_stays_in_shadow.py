"""No model goes live whose newest fairness report failed, whoever asks."""

from django.db import migrations

UP = """
create function campaigns_keep_in_shadow() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
    if (select r.verdict from campaigns_fairnessreport r where r.artefact_id = new.id
        order by r.made_at desc, r.id desc limit 1) = 'fail'
    then
        raise exception using errcode = 'check_violation', message = 'a_model_that_failed_stays_in_shadow',
            constraint = 'a_model_that_failed_stays_in_shadow', table = 'personalize_artefact';
    end if;
    return new;
end $$;
create trigger failed_models_stay_in_shadow before update of stage on personalize_artefact
    for each row when (new.stage = 'live' and old.stage <> 'live') execute function campaigns_keep_in_shadow();
alter table personalize_artefact enable always trigger failed_models_stay_in_shadow;
"""
DOWN = """
drop trigger failed_models_stay_in_shadow on personalize_artefact;
drop function campaigns_keep_in_shadow();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0020_groups_are_compared"),
        ("personalize", "0006_a_model_never_changes"),
    ]
    operations = [migrations.RunSQL(UP, DOWN)]
