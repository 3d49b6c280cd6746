"""A version of a purpose's record that is approved late stands only if no newer one stands or ever stood.

Records of one purpose take turns, so that two approved in the same moment do not both find that they are the newest.
"""

from django.db import migrations

UP = r"""
create or replace function compliance_record_follows_its_review() returns trigger language plpgsql security definer
set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    made compliance_purposerecord;
begin
    select r.* into made from compliance_purposerecord r where r.digest = new.digest;
    perform pg_advisory_xact_lock(hashtextextended('compliance.record:' || made.purpose, 0));
    if new.state = 'approved' and exists (
        select from compliance_purposerecord later
        left join compliance_reviewitem i on i.digest = later.digest
        where later.purpose = made.purpose and later.version > made.version
            and (later.stands_until is not null or exists (
                -- Approvals stay, whatever became of the item since.
                select from compliance_approval a where a.item_id = i.id
                group by a.round having count(*) >= i.approvals_needed
            ))
    ) then
        return null;
    end if;
    if new.state = 'approved' then
        update compliance_purposerecord r set stands_until = null
        where r.purpose = made.purpose and r.id <> made.id and r.stands_until is not null;
    end if;
    update compliance_purposerecord r
    set stands_until = case when new.state = 'approved' then least(new.valid_until, r.until::timestamptz) end
    where r.id = made.id and (new.state = 'approved' or r.stands_until is not null);
    return null;
end $$;
"""
DOWN = r"""
create or replace function compliance_record_follows_its_review() returns trigger language plpgsql security definer
set search_path = public, pg_temp set timezone = 'UTC' as $$
begin
    if new.state = 'approved' then
        update compliance_purposerecord r set stands_until = null
        from compliance_purposerecord made
        where made.digest = new.digest and r.purpose = made.purpose and r.id <> made.id and r.stands_until is not null;
    end if;
    update compliance_purposerecord r
    set stands_until = case when new.state = 'approved' then least(new.valid_until, r.until::timestamptz) end
    where r.digest = new.digest and (new.state = 'approved' or r.stands_until is not null);
    return null;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0051_what_a_record_begins_is_whole")]
    operations = [migrations.RunSQL(UP, DOWN)]
