"""Who left neither settles what had to be fixed nor counts among those who agree: their yes stays on record."""

from django.db import migrations

# What stands between marks is new; as comments they leave the functions as `reviewers_are_competent` made them.
GUARDS = r"""
create or replace function review_guard_item() returns trigger
language plpgsql set search_path = public, pg_temp as $$
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
    if (new.digest, new.snapshot, new.kind, new.title, new.topics, new.products, new.findings, new.submitted_by_id,
        new.submitted_at)
        is distinct from
        (old.digest, old.snapshot, old.kind, old.title, old.topics, old.products, old.findings, old.submitted_by_id,
        old.submitted_at)
    then
        perform review_refuse('the_words_under_review_never_change', 'compliance_reviewitem');
    end if;
    if new.approvals_needed < old.approvals_needed or new.officers_needed < old.officers_needed then
        perform review_refuse('a_quorum_is_never_lowered', 'compliance_reviewitem');
    end if;
    if new.escalation < old.escalation and new.round = old.round then
        perform review_refuse('an_escalation_is_never_taken_back', 'compliance_reviewitem');
    end if;
    if old.stopped_by_id is not null and new.stopped_by_id is distinct from old.stopped_by_id
        and new.round = old.round
    then
        perform review_refuse('who_stopped_a_text_is_never_forgotten', 'compliance_reviewitem');
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
    if old.state = 'withdrawn' and new.state = 'waiting' and new.stopped_by_id is distinct from old.decided_by_id then
        perform review_refuse('who_stopped_a_text_is_never_forgotten', 'compliance_reviewitem');
    end if;
    if new.state in ('approved', 'rejected') then
        reason := review_may_decide(new.decided_by_id, new);
        if reason <> '' then
            perform review_refuse(reason, 'compliance_reviewitem');
        end if;
    end if;
    if new.state = 'approved' then
        if exists (select from compliance_seed s where s.item_id = new.id) then
            perform review_refuse('a_planted_text_is_never_approved', 'compliance_reviewitem');
        end if;
        reason := review_lacks(new.decided_by_id, new, new.decided_at);
        if reason <> '' then
            perform review_refuse(reason, 'compliance_reviewitem');
        end if;
        select count(distinct a.by_id) as people,
            count(distinct a.by_id) filter (where s.role = 'officer'/* and not s.is_superuser*/) as officers,
            bool_or(a.by_id = new.decided_by_id) as last
        into yes
        from compliance_approval a join compliance_staff s on s.id = a.by_id
        where a.item_id = new.id and a.round = new.round and a.digest = new.digest/* and s.is_active*/;
        if yes.people < new.approvals_needed or yes.officers < new.officers_needed or yes.last is not true then
            perform review_refuse('enough_people_approved_these_words', 'compliance_reviewitem');
        end if;
        if new.valid_until is null or new.valid_until <= new.decided_at then
            perform review_refuse('an_approval_has_an_end', 'compliance_reviewitem');
        end if;
    end if;
    return new;
end $$;

create or replace function review_guard_comment() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
    if tg_op = 'DELETE' then
        perform review_refuse('a_comment_is_never_deleted', 'compliance_comment');
    end if;
    if tg_op = 'INSERT' then
        if not exists (select from compliance_reviewitem i where i.id = new.item_id and i.digest = new.digest) then
            perform review_refuse('a_comment_is_on_the_exact_words', 'compliance_comment');
        end if;
        return new;
    end if;
    if old.settled_at is not null or (to_jsonb(new) - array['settled_by_id', 'settled_at', 'settled_how'])
        is distinct from (to_jsonb(old) - array['settled_by_id', 'settled_at', 'settled_how'])
    then
        perform review_refuse('a_comment_never_changes', 'compliance_comment');
    end if;
    if new.settled_by_id <> new.by_id and not exists (
        select from compliance_staff s where s.id = new.settled_by_id and s.role = 'officer' and not s.is_superuser/*
            and s.is_active*/
    ) then
        perform review_refuse('a_comment_is_settled_by_who_made_it_or_an_officer', 'compliance_comment');
    end if;
    return new;
end $$;
"""
NOW = GUARDS.replace("/*", "").replace("*/", "")


class Migration(migrations.Migration):
    dependencies = [("compliance", "0056_an_image_is_made_once")]

    operations = [migrations.RunSQL(NOW, GUARDS)]
