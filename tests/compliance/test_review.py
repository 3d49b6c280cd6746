"""Who may let which exact words go out, in Python and in the database."""

import threading
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction

from compliance import review, roles
from compliance.judging import endings
from compliance.models import Approval, Authorship, LedgerEntry, ReviewItem, ReviewKind, Role, Staff
from tests.compliance.texts import submitted
from tests.owner import as_owner
from tests.people import PASSWORD

pytestmark = pytest.mark.django_db
BLOCKED = {"rule": "P01", "family": "promissory", "severity": "BLOCK", "start": 0, "end": 3, "quote": "How"}


@pytest.fixture
def waiting(marketer, at) -> ReviewItem:
    """One person has to agree."""
    return submitted(marketer, at=at)


@pytest.fixture
def sensitive(marketer, at) -> ReviewItem:
    """Two people have to agree, one of them from compliance."""
    return submitted(marketer, words="When someone dies, tell us once.", topics=["bereavement"], at=at)


def deeds(item):
    """What the ledger says was done to the item, in order."""
    rows = LedgerEntry.objects.filter(about=review.about(item), kind__startswith="review.")
    return list(rows.order_by("id").values_list("kind", flat=True))


def state(item):
    """Where the item stands in the database."""
    return ReviewItem.objects.get(pk=item.pk).state


def test_one_yes_lets_the_exact_words_go(waiting, editor, at):
    item = review.approve(waiting.pk, by=editor, seen=waiting.digest, reason="Balanced.", at=at)

    assert (item.state, item.decided_by, item.decided_at, item.decision_reason) == ("approved", editor, at, "Balanced.")
    assert review.standing([item.digest, "0" * 64], at=at) == {item.digest: "approved"}
    assert deeds(item) == ["review.submitted", "review.approved"]
    states = item.history.order_by("history_id").values_list("state", flat=True)
    assert list(dict.fromkeys(states)) == ["waiting", "approved"]


def test_the_second_editor_is_told_it_is_too_late(waiting, editor, editor2, at):
    review.approve(waiting.pk, by=editor, seen=waiting.digest, reason="", at=at)

    with pytest.raises(review.AlreadyDecided):
        review.reject(waiting.pk, by=editor2, seen=waiting.digest, reason="No.", at=at)

    assert state(waiting) == "approved"
    assert deeds(waiting) == ["review.submitted", "review.approved"]


@pytest.mark.parametrize("verb", [review.approve, review.reject])
def test_words_that_were_not_seen_are_not_decided(waiting, editor, at, verb):
    with pytest.raises(review.AlreadyDecided):
        verb(waiting.pk, by=editor, seen="0" * 64, reason="x", at=at)

    assert state(waiting) == "waiting"
    assert not Approval.objects.exists()


def test_a_sensitive_topic_needs_two_people_and_one_from_compliance(sensitive, editor, editor2, officer, at):
    first = review.approve(sensitive.pk, by=editor, seen=sensitive.digest, reason="Kind.", at=at)

    assert first.state == "waiting"
    assert review.standing([first.digest], at=at) == {first.digest: "waiting"}
    with pytest.raises(review.NotYours, match="already"):
        review.approve(sensitive.pk, by=editor, seen=sensitive.digest, reason="", at=at)
    with pytest.raises(review.NotYours, match="compliance officer"):
        review.approve(sensitive.pk, by=editor2, seen=sensitive.digest, reason="", at=at)
    done = review.approve(sensitive.pk, by=officer, seen=sensitive.digest, reason="Agreed.", at=at)
    assert done.state == "approved"
    assert deeds(sensitive) == ["review.submitted", "review.seconded", "review.approved"]


def test_an_unknown_topic_fails_closed(marketer, at):
    item = submitted(marketer, topics=["never_heard_of"], at=at)

    assert (item.approvals_needed, item.officers_needed) == (2, 1)


def test_a_blocked_text_passes_only_an_officer_in_writing(marketer, editor, officer, at):
    item = submitted(marketer, topics=[], findings=[BLOCKED], at=at)

    with pytest.raises(review.NoReason):
        review.approve(item.pk, by=officer, seen=item.digest, reason=" ", at=at)
    with pytest.raises(review.NotYours, match="compliance officer"):
        review.approve(item.pk, by=editor, seen=item.digest, reason="Fine.", at=at)
    assert state(item) == "waiting"
    assert review.approve(item.pk, by=officer, seen=item.digest, reason="A quotation.", at=at).state == "approved"


def test_nobody_decides_what_they_wrote_or_handed_in(marketer, editor, editor2, officer, at):
    item = submitted(editor, authors=[editor2], at=at)

    for one in (editor, editor2, marketer):
        for verb in (review.approve, review.reject):
            with pytest.raises(review.NotYours):
                verb(item.pk, by=one, seen=item.digest, reason="x", at=at)
        with pytest.raises(review.NotYours):
            review.claim(item.pk, by=one, at=at)
    assert state(item) == "waiting"
    assert review.approve(item.pk, by=officer, seen=item.digest, reason="x", at=at).state == "approved"


def test_a_superuser_decides_nothing(waiting, at):
    admin = roles.hire("admin", Role.ADMIN, PASSWORD)

    with pytest.raises(review.NotYours):
        review.approve(waiting.pk, by=admin, seen=waiting.digest, reason="x", at=at)

    assert state(waiting) == "waiting"


def test_a_claim_keeps_others_out_until_it_lapses(waiting, editor, editor2, at):
    review.claim(waiting.pk, by=editor, at=at)

    with pytest.raises(review.AlreadyDecided):
        review.approve(waiting.pk, by=editor2, seen=waiting.digest, reason="x", at=at)
    with pytest.raises(review.AlreadyDecided):
        review.release(waiting.pk, by=editor2, at=at)
    assert review.claim(waiting.pk, by=editor2, at=at + timedelta(hours=3)).claimed_by == editor2
    assert review.release(waiting.pk, by=editor2, at=at).state == "waiting"


def test_an_officer_may_release_anybodys_claim(waiting, editor, officer, at):
    review.claim(waiting.pk, by=editor, at=at)

    assert review.release(waiting.pk, by=officer, at=at).claimed_by is None


def test_the_same_words_are_one_item_and_keep_every_author(waiting, marketer, marketer2, editor, at):
    again = submitted(marketer2, at=at, reach=40)

    assert again.pk == waiting.pk
    assert again.reach == 40
    names = Authorship.objects.filter(digest=waiting.digest).values_list("staff__username", flat=True)
    assert sorted(names) == ["marketer", "marketer2"]


def test_a_rejection_is_final_for_the_words(waiting, marketer, editor, officer, at):
    review.reject(waiting.pk, by=editor, seen=waiting.digest, reason="Fear.", at=at)

    assert submitted(marketer, at=at).state == "rejected"
    with pytest.raises(review.AlreadyDecided):
        review.withdraw(waiting.pk, by=officer, reason="x", at=at)
    assert review.standing([waiting.digest], at=at) == {waiting.digest: "rejected"}


def test_a_rejection_says_why(waiting, editor, at):
    with pytest.raises(review.NoReason):
        review.reject(waiting.pk, by=editor, seen=waiting.digest, reason="", at=at)

    assert state(waiting) == "waiting"


@pytest.mark.parametrize(("topics", "days"), [(["retirement_adequacy"], 365), (["performance_figures"], 91)])
def test_an_approval_ends_and_starts_a_new_round(marketer, editor, at, topics, days):
    item = submitted(marketer, topics=topics, at=at)
    review.approve(item.pk, by=editor, seen=item.digest, reason="x", at=at)
    later = at + timedelta(days=days)

    assert review.standing([item.digest], at=later - timedelta(seconds=1)) == {item.digest: "approved"}
    assert review.standing([item.digest], at=later) == {item.digest: "expired"}
    again = submitted(marketer, topics=topics, at=later)
    assert (again.state, again.round) == ("waiting", 2)
    assert review.approve(item.pk, by=editor, seen=item.digest, reason="x", at=later).state == "approved"


def test_one_person_stops_and_two_start_again(waiting, marketer, editor, editor2, officer, at):
    review.approve(waiting.pk, by=editor, seen=waiting.digest, reason="x", at=at)
    review.withdraw(waiting.pk, by=marketer, reason="The rate changed.", at=at)

    assert review.standing([waiting.digest], at=at) == {waiting.digest: "withdrawn"}
    assert submitted(marketer, at=at).state == "withdrawn"
    with pytest.raises(review.NotYours):
        review.reopen(waiting.pk, by=editor, reason="x", at=at)
    assert review.reopen(waiting.pk, by=officer, reason="Rate is back.", at=at).approvals_needed == 2
    assert review.approve(waiting.pk, by=editor, seen=waiting.digest, reason="x", at=at).state == "waiting"
    assert review.approve(waiting.pk, by=editor2, seen=waiting.digest, reason="x", at=at).state == "approved"


def test_a_stranger_may_not_stop_a_text(waiting, marketer2, at):
    with pytest.raises(review.NotYours):
        review.withdraw(waiting.pk, by=marketer2, reason="x", at=at)

    assert state(waiting) == "waiting"


@pytest.mark.parametrize("wrong", [{"words": "x", "title": " "}, {"digest": "abc"}, {"snapshot": {"parts": {}}}])
def test_what_cannot_be_reviewed_is_refused(marketer, at, wrong):
    good = {
        "digest": "0" * 64, "kind": "block", "title": "T", "snapshot": {"parts": {"body": "x"}}, "topics": [],
        "findings": [], "authors": [marketer], "reason": "r", "approvals_needed": 1, "by": marketer, "at": at,
    }  # fmt: skip
    wrong.pop("words", None)

    with pytest.raises(review.NotWords):
        review.submit(**good | wrong)

    assert not ReviewItem.objects.exists()


def sql(statement, *values):
    """Run SQL as whoever holds the database's console."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def approving(item, by, at, digest=None, round_=1):
    """An approval by raw SQL."""
    sql(
        "insert into compliance_approval (item_id, digest, by_id, at, reason, round, scope) "
        "values (%s, %s, %s, %s, '', %s, '{\"kind\": \"block\"}')",
        item.pk, digest or item.digest, by.pk, at, round_,
    )  # fmt: skip


def test_raw_sql_cannot_approve_ones_own_text_either(marketer, editor, editor2, officer, at):
    item = submitted(editor, authors=[editor2], at=at)
    admin = roles.hire("admin", Role.ADMIN, PASSWORD)
    Staff.objects.filter(pk=admin.pk).update(role="officer")

    for one, rule in (
        (editor, "nobody_approves_their_own_text"),
        (editor2, "nobody_approves_their_own_text"),
        (marketer, "only_reviewers_decide_texts"),
        (admin, "a_superuser_decides_no_text"),
    ):
        with pytest.raises(IntegrityError, match=rule):
            approving(item, one, at)
    with pytest.raises(IntegrityError, match="exact_words"):
        approving(item, officer, at, digest="0" * 64)
    assert not Approval.objects.exists()
    approving(item, officer, at)
    assert Approval.objects.count() == 1


def test_raw_sql_cannot_approve_without_enough_people(sensitive, editor, officer, at):
    decide = (
        "update compliance_reviewitem set state = 'approved', decided_by_id = %s, decided_at = %s, valid_until = %s "
        "where id = %s"
    )
    end = at + timedelta(days=1)

    with pytest.raises(IntegrityError, match="enough_people"):
        sql(decide, officer.pk, at, end, sensitive.pk)
    approving(sensitive, editor, at)
    with pytest.raises(IntegrityError, match="enough_people"):
        sql(decide, editor.pk, at, end, sensitive.pk)
    with pytest.raises(IntegrityError, match="quorum"):
        sql("update compliance_reviewitem set approvals_needed = 1 where id = %s", sensitive.pk)
    approving(sensitive, officer, at)
    with pytest.raises(IntegrityError, match="an_approval_has_an_end"):
        sql(decide, officer.pk, at, None, sensitive.pk)
    sql(decide, officer.pk, at, end, sensitive.pk)
    assert state(sensitive) == "approved"


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("update compliance_reviewitem set digest = repeat('0', 64) where id = %s", "words_under_review"),
        ("update compliance_reviewitem set snapshot = '{}' where id = %s", "words_under_review"),
        ("update compliance_reviewitem set state = 'waiting' where id = %s", "new_round"),
        ("update compliance_reviewitem set decision_reason = 'better' where id = %s", "decision_is_never_changed"),
        ("update compliance_reviewitem set valid_until = now() + interval '9 years' where id = %s", "never_changed"),
        ("delete from compliance_reviewitem where id = %s", "never_deleted"),
        ("update compliance_approval set reason = 'x' where item_id = %s", "approval_is_never_changed"),
        ("delete from compliance_approval where item_id = %s", "approval_is_never_changed"),
        ("delete from compliance_authorship where %s > 0", "author_is_never_forgotten"),
    ],
)
def test_raw_sql_cannot_rewrite_a_decision(waiting, editor, at, statement, rule):
    review.approve(waiting.pk, by=editor, seen=waiting.digest, reason="x", at=at)
    before = ReviewItem.objects.filter(pk=waiting.pk).values().get()

    with pytest.raises(DatabaseError, match=f"permission denied|{rule}"), transaction.atomic():
        sql(statement, waiting.pk)
    with as_owner(), pytest.raises(IntegrityError, match=rule), transaction.atomic():
        sql(statement, waiting.pk)

    assert ReviewItem.objects.filter(pk=waiting.pk).values().get() == before
    assert Approval.objects.count() == 1


def test_every_guard_is_always_on():
    with connection.cursor() as cursor:
        cursor.execute("select tgname, tgenabled from pg_trigger where tgname like 'review_guard_%' order by 1")
        guards = cursor.fetchall()

    guarded = (
        "approval",
        "authorship",
        "comment",
        "competence",
        "ending",
        "evidence",
        "evidence",
        "item",
        "no_end_yet",
    )
    assert guards == [(f"review_guard_{one}", "A") for one in guarded]


@pytest.mark.django_db(transaction=True)
def test_two_editors_at_once_make_one_decision(marketer, editor, editor2, at):
    for number in range(20):
        item = submitted(marketer, words=f"Text {number}", at=at)
        start, outcome = threading.Barrier(2), []

        def decide(by, item=item, start=start, outcome=outcome):
            try:
                start.wait()
                review.approve(item.pk, by=by, seen=item.digest, reason="x", at=at)
                outcome.append("won")
            except review.AlreadyDecided:
                outcome.append("late")
            finally:
                connections.close_all()

        both = [threading.Thread(target=decide, args=(one,)) for one in (editor, editor2)]
        for one in both:
            one.start()
        for one in both:
            one.join()

        assert sorted(outcome) == ["late", "won"]
        assert Approval.objects.filter(item=item).count() == 1
        assert deeds(item) == ["review.submitted", "review.approved"]


def test_python_and_the_database_agree_on_what_restricts(marketer, at):
    abouts = ("", "policy:wellbeing", "policy:plain-words", "policy:wellbeing-2")
    for number, (kind, about) in enumerate((kind, about) for kind in ReviewKind.values for about in abouts):
        review.submit(
            digest=f"{number:064x}", kind=kind, title="x", snapshot={"parts": {"x": "x"}, "about": about}, topics=[],
            findings=[], authors=[], reason="x", approvals_needed=1, by=marketer, at=at,
        )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("select id from compliance_reviewitem i where review_restricts(i)")
        told = {row[0] for row in cursor.fetchall()}

    items = list(ReviewItem.objects.all())
    assert {one.pk for one in items if endings.restricts(one)} == told
    assert {one.kind for one in items if one.pk in told} == {"combination_rule", "policy"}
    assert len(told) == len(abouts) + 2
