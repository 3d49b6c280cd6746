"""No approval of a claim without evidence in date, and none outlives it; 17 CFR 275.206(4)-1(a)(2).

Beside the other guards of approvals, in triggers of its own: whoever writes the approval, this is asked.
"""

from django.db import migrations

UP = """
create function review_evidence_ends(snapshot jsonb, moment timestamptz) returns timestamptz
language sql immutable set search_path = public, pg_temp set timezone = 'UTC' as $$
    -- '-infinity' where a claim has no evidence in date at that moment; null where nothing is claimed.
    select min(case
        when coalesce(btrim(c ->> 'evidence'), '') = '' or coalesce(c ->> 'as_of', '') !~ '^\\d{4}-\\d\\d-\\d\\d$'
            or (c ->> 'as_of')::timestamptz > moment
            or coalesce(nullif(c ->> 'until', '')::timestamptz, (c ->> 'as_of')::timestamptz + interval '366 days')
                <= moment
            then '-infinity'
        else coalesce(nullif(c ->> 'until', '')::timestamptz, (c ->> 'as_of')::timestamptz + interval '366 days')
    end)
    from (
        select jsonb_path_query(snapshot, '$.claims[*]') as c
        union all
        select jsonb_path_query(snapshot, '$.blocks[*].claims[*]')
    ) claims
$$;

create function review_guard_evidence() returns trigger language plpgsql set search_path = public, pg_temp as $$
declare
    item compliance_reviewitem;
begin
    if tg_table_name = 'compliance_approval' then
        select * into item from compliance_reviewitem where id = new.item_id;
        if review_evidence_ends(item.snapshot, new.at) = '-infinity' then
            perform review_refuse('a_claim_has_evidence_in_date', 'compliance_approval');
        end if;
    elsif new.state = 'approved' and new.state <> old.state
        and new.valid_until > review_evidence_ends(new.snapshot, new.decided_at)
    then
        perform review_refuse('an_approval_ends_with_its_evidence', 'compliance_reviewitem');
    end if;
    return new;
end $$;

create trigger review_guard_evidence before insert on compliance_approval
    for each row execute function review_guard_evidence();
create trigger review_guard_evidence before update on compliance_reviewitem
    for each row execute function review_guard_evidence();
alter table compliance_approval enable always trigger review_guard_evidence;
alter table compliance_reviewitem enable always trigger review_guard_evidence;
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0037_a_person_can_be_erased")]
    operations = [migrations.RunSQL(UP, None)]  # without it the database would let in what it refuses: no way back
