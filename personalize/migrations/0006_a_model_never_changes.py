"""What a model computes never changes after registration: another model is another row."""

from django.db import migrations

MAKE = """
create function personalize_keep_models() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
    if tg_op = 'DELETE' or (old.use_case, old.version, old.method, old.body, old.sha256, old.trained_at)
            is distinct from (new.use_case, new.version, new.method, new.body, new.sha256, new.trained_at) then
        raise exception 'a registered model never changes'
            using errcode = 'restrict_violation', constraint = 'a_registered_model_never_changes',
                  hint = 'Register another version.';
    end if;
    return new;
end $$;

create trigger registered_models_never_change before update or delete on personalize_artefact
    for each row execute function personalize_keep_models();
"""

DROP = """
drop trigger registered_models_never_change on personalize_artefact;
drop function personalize_keep_models();
"""


class Migration(migrations.Migration):
    dependencies = [("personalize", "0005_a_model_has_an_owner_and_a_validator")]
    operations = [migrations.RunSQL(MAKE, DROP)]
