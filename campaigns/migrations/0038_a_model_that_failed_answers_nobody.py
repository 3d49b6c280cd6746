"""A model whose newest fairness report failed becomes no canary either."""

from django.db import migrations

UP = """
drop trigger failed_models_stay_in_shadow on personalize_artefact;
create trigger failed_models_stay_in_shadow before update of stage on personalize_artefact
    for each row when (new.stage in ('canary', 'live') and new.stage <> old.stage)
    execute function campaigns_keep_in_shadow();
alter table personalize_artefact enable always trigger failed_models_stay_in_shadow;
"""
DOWN = """
drop trigger failed_models_stay_in_shadow on personalize_artefact;
create trigger failed_models_stay_in_shadow before update of stage on personalize_artefact
    for each row when (new.stage = 'live' and old.stage <> 'live') execute function campaigns_keep_in_shadow();
alter table personalize_artefact enable always trigger failed_models_stay_in_shadow;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0037_models_decide_in_shadow"),
        ("personalize", "0010_steps_are_taken_in_order"),
    ]
    operations = [migrations.RunSQL(UP, DOWN)]
