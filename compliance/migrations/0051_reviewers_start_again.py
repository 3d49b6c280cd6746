"""What one person stopped is started again by two who review; no administrator is either of them."""

from django.db import migrations

UP = """
create function compliance_reviews(person bigint) returns boolean language sql stable
set search_path = public, pg_temp as $$
    select exists (
        select from compliance_staff s
        where s.id = person and s.role in ('editor', 'officer') and s.is_active and not s.is_superuser
    )
$$;
create or replace function compliance_stop_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    if tg_op = 'DELETE' or old.released_at is not null
        or (new.scope, new.target, new.reason, new.thrown_by_id, new.thrown_at)
            is distinct from (old.scope, old.target, old.reason, old.thrown_by_id, old.thrown_at)
        or new.release_asked_by_id is distinct from old.release_asked_by_id
            and (compliance_reviews(old.release_asked_by_id) or not compliance_reviews(new.release_asked_by_id)
                or new.released_by_id is not null)
        or new.released_by_id is not null
            and not (compliance_reviews(old.release_asked_by_id) and compliance_reviews(new.released_by_id))
    then
        raise exception using errcode = 'check_violation', message = 'two_release_what_one_may_stop',
            constraint = 'two_release_what_one_may_stop', table = tg_table_name;
    end if;
    return new;
end $$;
"""
DOWN = """
create or replace function compliance_stop_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    if tg_op = 'DELETE' or old.released_at is not null
        or (new.scope, new.target, new.reason, new.thrown_by_id, new.thrown_at)
            is distinct from (old.scope, old.target, old.reason, old.thrown_by_id, old.thrown_at)
        or (new.released_by_id is not null and (
            select s.is_superuser from compliance_staff s where s.id = new.released_by_id
        ))
    then
        raise exception using errcode = 'check_violation', message = 'two_release_what_one_may_stop',
            constraint = 'two_release_what_one_may_stop', table = tg_table_name;
    end if;
    return new;
end $$;
drop function compliance_reviews(bigint);
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0050_calls_are_screened_and_affiliates_asked_for")]
    operations = [migrations.RunSQL(UP, DOWN)]
