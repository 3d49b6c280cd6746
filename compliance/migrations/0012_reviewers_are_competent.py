"""An approval needs a competent person without an interest, and nothing that must be fixed left open.

Competence, interests and comments are checked where the approval is written, whoever writes it: the application, the
console of the database, a superuser's script.
"""

from django.db import migrations

UP = """
create or replace function review_may_decide(person bigint, item compliance_reviewitem) returns text
language sql stable set search_path = public, pg_temp as $$
    select case
        when s.is_superuser then 'a_superuser_decides_no_text'
        when not s.is_active or s.role not in ('editor', 'officer', 'counsel') then 'only_reviewers_decide_texts'
        when s.role = 'counsel' and not exists (
            select from compliance_invitation i
            where i.item_id = item.id and i.digest = item.digest and i.staff_id = person
            and i.used_at is null and i.revoked_at is null
        ) then 'outside_counsel_decides_what_they_were_sent'
        when item.submitted_by_id = person then 'nobody_approves_their_own_text'
        when exists (select from compliance_authorship a where a.digest = item.digest and a.staff_id = person)
            then 'nobody_approves_their_own_text'
        else ''
    end
    from compliance_staff s where s.id = person
$$;

create function review_lacks(person bigint, item compliance_reviewitem, moment timestamptz) returns text
language sql stable set search_path = public, pg_temp as $$
    select case
        when item.stopped_by_id = person then 'who_stopped_a_text_does_not_start_it'
        when exists (
            select from jsonb_array_elements_text(item.topics || item.products) as wanted(code)
            where not exists (
                select from compliance_competence c
                where c.staff_id = person and c.area in (wanted.code, '*')
                and c.valid_from <= moment and c.valid_until > moment
                and (c.ended_at is null or c.ended_at > moment)
            )
        ) then 'a_reviewer_is_competent_for_every_topic'
        when exists (
            select from compliance_interest i
            where i.staff_id = person and i.ended_at is null and (
                (item.topics || item.products) ? i.about
                or i.about in (item.snapshot ->> 'campaign', item.snapshot ->> 'about')
            )
        ) then 'a_reviewer_has_no_interest_in_the_text'
        when exists (
            select from compliance_comment c
            where c.item_id = item.id and c.kind = 'must_fix' and c.settled_at is null
        ) then 'what_must_be_fixed_is_settled_first'
        else ''
    end
$$;

create function review_scope(kind text) returns text language sql immutable as $$
    select case kind when 'block' then 'block' when 'variant' then 'exact_variant' when 'pair_set' then 'pair_set'
        when 'sample' then 'sample' else 'whole' end
$$;

create or replace function review_guard_approval() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
    item compliance_reviewitem;
    reason text;
begin
    if tg_op <> 'INSERT' then
        perform review_refuse('an_approval_is_never_changed', 'compliance_approval');
    end if;
    select * into item from compliance_reviewitem where id = new.item_id for update;
    reason := review_may_decide(new.by_id, item);
    if reason = '' then
        reason := review_lacks(new.by_id, item, new.at);
    end if;
    if reason <> '' then
        perform review_refuse(reason, 'compliance_approval');
    end if;
    if item.digest <> new.digest or item.round <> new.round then
        perform review_refuse('an_approval_is_of_the_exact_words', 'compliance_approval');
    end if;
    if item.state not in ('waiting', 'claimed') then
        perform review_refuse('an_approval_is_given_while_the_text_waits', 'compliance_approval');
    end if;
    if new.scope ->> 'kind' is distinct from review_scope(item.kind)
        or (item.kind = 'pair_set' and not new.scope ?& array['pairs', 'rows'])
        or (item.kind = 'sample' and not new.scope ?& array['n', 'seed', 'frame'])
    then
        perform review_refuse('an_approval_says_what_it_covers', 'compliance_approval');
    end if;
    return new;
end $$;

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

create function review_guard_comment() returns trigger language plpgsql set search_path = public, pg_temp as $$
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
        select from compliance_staff s where s.id = new.settled_by_id and s.role = 'officer' and not s.is_superuser
    ) then
        perform review_refuse('a_comment_is_settled_by_who_made_it_or_an_officer', 'compliance_comment');
    end if;
    return new;
end $$;

create function review_guard_competence() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
    if tg_op = 'DELETE' or (tg_op = 'UPDATE' and (old.ended_at is not null
        or (to_jsonb(new) - array['ended_at', 'ended_by_id'])
        is distinct from (to_jsonb(old) - array['ended_at', 'ended_by_id'])))
    then
        perform review_refuse('a_competence_is_ended_never_changed', 'compliance_competence');
    end if;
    if tg_op = 'INSERT' and new.staff_id = new.granted_by_id then
        perform review_refuse('nobody_finds_themselves_competent', 'compliance_competence');
    end if;
    return new;
end $$;

create trigger review_guard_comment before insert or update or delete on compliance_comment
    for each row execute function review_guard_comment();
create trigger review_guard_competence before insert or update or delete on compliance_competence
    for each row execute function review_guard_competence();
alter table compliance_comment enable always trigger review_guard_comment;
alter table compliance_competence enable always trigger review_guard_competence;
"""

# Without its checks the database would let in what they refuse, so there is no way back.
DOWN = None

IMAGES = ("competence", "interest", "comment", "seed", "holiday")
MAY = {
    "competence": "select, insert, update",
    "interest": "select, insert, update",
    "comment": "select, insert, update",
    "reading": "select, insert, update",
    "seed": "select, insert",
    "invitation": "select, insert, update",
}


class Migration(migrations.Migration):
    dependencies = [("compliance", "0011_one_engine_reviews_more_than_texts")]
    operations = [
        migrations.RunSQL(UP, DOWN),
        *(
            migrations.RunSQL(f"select compliance_keep_images_of('compliance_{name}', 'id', '{{}}');", DOWN)
            for name in IMAGES
        ),
        migrations.RunSQL("select compliance_keep_images_of('compliance_invitation', 'id', '{sha256}');", DOWN),
        *(
            migrations.RunSQL(f"comment on table compliance_{name} is 'application may {may}'", DOWN)
            for name, may in MAY.items()
        ),
    ]
