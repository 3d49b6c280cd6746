"""Triggers that hold whoever writes: the application, the console of the database, a superuser's script."""

from django.db import migrations

UP = """
create function review_may_decide(person bigint, item compliance_reviewitem) returns text language sql stable as $$
    select case
        when s.is_superuser then 'a_superuser_decides_no_text'
        when not s.is_active or s.role not in ('editor', 'officer') then 'only_reviewers_decide_texts'
        when item.submitted_by_id = person then 'nobody_approves_their_own_text'
        when exists (select from compliance_authorship a where a.digest = item.digest and a.staff_id = person)
            then 'nobody_approves_their_own_text'
        else ''
    end
    from compliance_staff s where s.id = person
$$;

create function review_refuse(reason text, relation text) returns void language plpgsql as $$
begin
    raise exception using errcode = 'check_violation', message = reason, constraint = reason, table = relation;
end $$;

create function review_guard_approval() returns trigger language plpgsql as $$
declare
    item compliance_reviewitem;
    reason text;
begin
    if tg_op <> 'INSERT' then
        perform review_refuse('an_approval_is_never_changed', 'compliance_approval');
    end if;
    select * into item from compliance_reviewitem where id = new.item_id for update;
    reason := review_may_decide(new.by_id, item);
    if reason <> '' then
        perform review_refuse(reason, 'compliance_approval');
    end if;
    if item.digest <> new.digest or item.round <> new.round then
        perform review_refuse('an_approval_is_of_the_exact_words', 'compliance_approval');
    end if;
    if item.state not in ('waiting', 'claimed') then
        perform review_refuse('an_approval_is_given_while_the_text_waits', 'compliance_approval');
    end if;
    return new;
end $$;

create function review_guard_authorship() returns trigger language plpgsql as $$
begin
    perform review_refuse('an_author_is_never_forgotten', 'compliance_authorship');
    return null;
end $$;

create function review_guard_item() returns trigger language plpgsql as $$
declare
    reason text;
    yes record;
begin
    if tg_op = 'DELETE' then
        perform review_refuse('a_review_is_never_deleted', 'compliance_reviewitem');
    end if;
    if tg_op = 'INSERT' then
        if new.state <> 'waiting' or new.decided_by_id is not null then
            perform review_refuse('a_review_starts_in_the_queue', 'compliance_reviewitem');
        end if;
        return new;
    end if;
    if (new.digest, new.snapshot, new.kind, new.title, new.topics, new.findings, new.submitted_by_id, new.submitted_at)
        is distinct from
        (old.digest, old.snapshot, old.kind, old.title, old.topics, old.findings, old.submitted_by_id, old.submitted_at)
    then
        perform review_refuse('the_words_under_review_never_change', 'compliance_reviewitem');
    end if;
    if new.approvals_needed < old.approvals_needed or new.officers_needed < old.officers_needed then
        perform review_refuse('a_quorum_is_never_lowered', 'compliance_reviewitem');
    end if;
    if new.state = old.state then
        if old.state in ('approved', 'rejected', 'withdrawn') and
            (new.decided_by_id, new.decided_at, new.decision_reason, new.valid_until, new.round)
            is distinct from (old.decided_by_id, old.decided_at, old.decision_reason, old.valid_until, old.round)
        then
            perform review_refuse('a_decision_is_never_changed', 'compliance_reviewitem');
        end if;
        return new;
    end if;
    if old.state = 'rejected' then
        perform review_refuse('a_rejection_is_final_for_these_words', 'compliance_reviewitem');
    end if;
    if old.state in ('approved', 'withdrawn') and new.state <> 'withdrawn'
        and (new.state <> 'waiting' or new.round <= old.round)
    then
        perform review_refuse('a_reopened_text_starts_a_new_round', 'compliance_reviewitem');
    end if;
    if new.state in ('approved', 'rejected') then
        reason := review_may_decide(new.decided_by_id, new);
        if reason <> '' then
            perform review_refuse(reason, 'compliance_reviewitem');
        end if;
    end if;
    if new.state = 'approved' then
        select count(distinct a.by_id) as people,
            count(distinct a.by_id) filter (where s.role = 'officer') as officers,
            bool_or(a.by_id = new.decided_by_id) as last
        into yes
        from compliance_approval a join compliance_staff s on s.id = a.by_id
        where a.item_id = new.id and a.round = new.round and a.digest = new.digest;
        if yes.people < new.approvals_needed or yes.officers < new.officers_needed or yes.last is not true then
            perform review_refuse('enough_people_approved_these_words', 'compliance_reviewitem');
        end if;
        if new.valid_until is null or new.valid_until <= new.decided_at then
            perform review_refuse('an_approval_has_an_end', 'compliance_reviewitem');
        end if;
    end if;
    return new;
end $$;

create trigger review_guard_approval before insert or update or delete on compliance_approval
    for each row execute function review_guard_approval();
create trigger review_guard_authorship before update or delete on compliance_authorship
    for each row execute function review_guard_authorship();
create trigger review_guard_item before insert or update or delete on compliance_reviewitem
    for each row execute function review_guard_item();
alter table compliance_approval enable always trigger review_guard_approval;
alter table compliance_authorship enable always trigger review_guard_authorship;
alter table compliance_reviewitem enable always trigger review_guard_item;
"""

DOWN = """
drop trigger review_guard_item on compliance_reviewitem;
drop trigger review_guard_authorship on compliance_authorship;
drop trigger review_guard_approval on compliance_approval;
drop function review_guard_item();
drop function review_guard_authorship();
drop function review_guard_approval();
drop function review_refuse(text, text);
drop function review_may_decide(bigint, compliance_reviewitem);
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0002_reviews_have_rounds_and_officers")]
    operations = [migrations.RunSQL(UP, DOWN)]
