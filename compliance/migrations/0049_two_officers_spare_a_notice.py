"""Both who spare a notice are compliance officers; one who is no more is replaced, and no notice begins as spared."""

from django.db import migrations

UP = """
create or replace function compliance_notice_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    if tg_op <> 'UPDATE' or old.told_at is not null or old.spared_at is not null
        or (new.incident_id, new.whom, new.place, new.due_at, new.source)
            is distinct from (old.incident_id, old.whom, old.place, old.due_at, old.source)
        or (new.spare_asked_by_id, new.spare_asked_at, new.spare_why)
            is distinct from (old.spare_asked_by_id, old.spare_asked_at, old.spare_why)
            and (compliance_is_officer(old.spare_asked_by_id) or not compliance_is_officer(new.spare_asked_by_id)
                or new.spared_by_id is not null)
        or new.spared_by_id is not null
            and not (compliance_is_officer(old.spare_asked_by_id) and compliance_is_officer(new.spared_by_id))
    then
        raise exception using errcode = 'check_violation', message = 'a_notice_stands',
            constraint = 'a_notice_stands', table = tg_table_name;
    end if;
    return new;
end $$;
create trigger notice_begins_owed before insert on compliance_notice for each row
    when (new.spare_asked_by_id is not null or new.spared_by_id is not null)
    execute function compliance_notice_stands();
alter table compliance_notice enable always trigger notice_begins_owed;
"""
DOWN = """
drop trigger notice_begins_owed on compliance_notice;
create or replace function compliance_notice_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    if tg_op = 'DELETE' or old.told_at is not null or old.spared_at is not null
        or (new.incident_id, new.whom, new.place, new.due_at, new.source)
            is distinct from (old.incident_id, old.whom, old.place, old.due_at, old.source)
        or old.spare_asked_by_id is not null and (new.spare_asked_by_id, new.spare_why)
            is distinct from (old.spare_asked_by_id, old.spare_why)
        or exists (select from compliance_staff s where s.id = new.spared_by_id and s.is_superuser)
    then
        raise exception using errcode = 'check_violation', message = 'a_notice_stands',
            constraint = 'a_notice_stands', table = tg_table_name;
    end if;
    return new;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0048_a_purpose_needs_its_record")]
    operations = [migrations.RunSQL(UP, DOWN)]
