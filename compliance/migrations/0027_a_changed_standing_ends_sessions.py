"""A change of role, of being let in or of the password ends the person's sessions in the same statement."""

from django.db import migrations, models

UP = """
create function compliance_standing_counts() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    new.standing := old.standing;  -- nobody sets it
    if (new.role, new.is_active, new.is_staff, new.is_superuser)
        is distinct from (old.role, old.is_active, old.is_staff, old.is_superuser)
    then
        new.standing := old.standing + 1;
    end if;
    return new;
end $$;
create trigger standing_counts before update on compliance_staff
    for each row execute function compliance_standing_counts();
alter table compliance_staff enable always trigger standing_counts;

create function compliance_standing_ends() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    delete from compliance_session where staff_id = new.id;
    return null;
end $$;
create trigger standing_ends after update on compliance_staff
    for each row when (new.standing <> old.standing or new.password <> old.password)
    execute function compliance_standing_ends();
alter table compliance_staff enable always trigger standing_ends;
"""
DOWN = """
drop trigger standing_ends on compliance_staff;
drop function compliance_standing_ends();
drop trigger standing_counts on compliance_staff;
drop function compliance_standing_counts();
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0026_a_session_knows_its_person")]

    operations = [
        migrations.AddField("staff", "standing", models.PositiveIntegerField(default=1, editable=False)),
        migrations.RunSQL(UP, DOWN),
    ]
