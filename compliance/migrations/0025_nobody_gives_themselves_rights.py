"""Rights come from somebody else: nobody joins a group, gets a permission or a role by their own hand."""

from django.db import migrations

UP = """
create function compliance_rights_come_from_others() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    if current_setting('app.actor', true) = 'staff:' || (to_jsonb(new) ->> tg_argv[0]) then
        raise exception using errcode = 'check_violation', message = 'nobody_gives_themselves_rights',
            constraint = 'nobody_gives_themselves_rights', table = tg_table_name;
    end if;
    return new;
end $$;
create trigger rights_come_from_others before insert or update on compliance_staff_groups
    for each row execute function compliance_rights_come_from_others('staff_id');
alter table compliance_staff_groups enable always trigger rights_come_from_others;
create trigger rights_come_from_others before insert or update on compliance_staff_user_permissions
    for each row execute function compliance_rights_come_from_others('staff_id');
alter table compliance_staff_user_permissions enable always trigger rights_come_from_others;
create trigger rights_come_from_others before update on compliance_staff
    for each row when (
        (new.role, new.is_staff, new.is_superuser, new.is_active)
        is distinct from (old.role, old.is_staff, old.is_superuser, old.is_active)
    )
    execute function compliance_rights_come_from_others('id');
alter table compliance_staff enable always trigger rights_come_from_others;
"""
DOWN = """
drop trigger rights_come_from_others on compliance_staff;
drop trigger rights_come_from_others on compliance_staff_user_permissions;
drop trigger rights_come_from_others on compliance_staff_groups;
drop function compliance_rights_come_from_others();
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0024_promotions_have_a_basis_a_filing_and_time_to_think")]
    operations = [migrations.RunSQL(UP, DOWN)]
