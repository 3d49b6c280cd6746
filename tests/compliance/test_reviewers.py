"""T-20: who is competent, has no interest, and settled what had to be fixed; in Python and by raw SQL."""

import json
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from compliance import review, roles
from compliance.acting import acting
from compliance.judging import comments, competence, quorum
from compliance.models import Approval, Comment, LedgerEntry, ReviewKind, Role
from tests.compliance.texts import ABOUT, submitted
from tests.people import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def learner(db):
    """An editor whom nobody has found competent for anything yet."""
    return roles.hire("learner", Role.EDITOR, PASSWORD)


def by_sql(item, by, at, scope=None):
    """An approval as whoever holds the database's console would write it."""
    covers = json.dumps(scope or {"kind": quorum.KINDS[item.kind].scope})
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "insert into compliance_approval (item_id, digest, by_id, at, reason, round, scope) "
            "values (%s, %s, %s, %s, '', %s, %s)",
            [item.pk, item.digest, by.pk, at, item.round, covers],
        )


def granted(staff, officer, at, *areas, days=30):
    """The officer finds them competent from yesterday on."""
    start = at - timedelta(days=1)
    return competence.grant(
        staff, areas=areas, evidence="Exam 7.", start=start, until=start + timedelta(days=days), by=officer, at=start
    )


def test_only_the_competent_approve_a_topic(marketer, learner, officer, at):
    item = submitted(marketer, at=at)

    with pytest.raises(review.NotYours, match="retirement adequacy"):
        review.approve(item.pk, by=learner, seen=item.digest, reason="Fine.", at=at)
    with pytest.raises(IntegrityError, match="competent_for_every_topic"):
        by_sql(item, learner, at)
    assert not Approval.objects.exists()
    granted(learner, officer, at, "retirement_adequacy")
    assert review.approve(item.pk, by=learner, seen=item.digest, reason="Fine.", at=at).state == "approved"


def test_a_competence_out_of_date_is_none(marketer, learner, officer, at):
    item = submitted(marketer, at=at)
    (held,) = granted(learner, officer, at, "retirement_adequacy", days=10)
    later = held.valid_until

    for late in (later, later + timedelta(days=400)):
        with pytest.raises(review.NotYours):
            review.approve(item.pk, by=learner, seen=item.digest, reason="Fine.", at=late)
        with pytest.raises(IntegrityError, match="competent_for_every_topic"):
            by_sql(item, learner, late)
    assert not Approval.objects.exists()
    just_before = later - timedelta(seconds=1)
    assert review.approve(item.pk, by=learner, seen=item.digest, reason="Fine.", at=just_before).state == "approved"


def test_a_competence_that_was_ended_is_none(marketer, learner, officer, at):
    item = submitted(marketer, at=at)
    (held,) = granted(learner, officer, at, "retirement_adequacy")
    competence.end(held.pk, by=officer, at=at)

    with pytest.raises(review.NotYours):
        review.approve(item.pk, by=learner, seen=item.digest, reason="Fine.", at=at)
    with pytest.raises(IntegrityError, match="competent_for_every_topic"):
        by_sql(item, learner, at)
    assert not Approval.objects.exists()


def test_a_product_needs_its_own_competence(marketer, learner, officer, at):
    item = submitted(marketer, topics=[], products=["isa", "crypto"], at=at)
    granted(learner, officer, at, "isa")

    with pytest.raises(review.NotYours, match="in: crypto"):
        review.approve(item.pk, by=learner, seen=item.digest, reason="Fine.", at=at)
    with pytest.raises(IntegrityError, match="competent_for_every_topic"):
        by_sql(item, learner, at)
    granted(learner, officer, at, "crypto")
    assert review.approve(item.pk, by=learner, seen=item.digest, reason="Fine.", at=at).state == "approved"


def test_nobody_finds_themselves_competent(officer, at):
    before = officer.competences.count()

    with pytest.raises(competence.NoEvidence):
        granted(officer, officer, at, "crypto")
    with pytest.raises(IntegrityError, match="nobody_finds_themselves_competent"), transaction.atomic():
        officer.competences.create(
            area="crypto", evidence="x", valid_from=at, valid_until=at + timedelta(days=1), granted_by=officer
        )
    assert officer.competences.count() == before


@pytest.mark.parametrize("about", ["retirement_adequacy", ABOUT])
def test_a_declared_interest_keeps_a_reviewer_out(marketer, editor, editor2, at, about):
    item = submitted(marketer, at=at)
    competence.declare(editor, about=about, why="My partner works there.", at=at)

    with pytest.raises(review.NotYours, match="interest"):
        review.approve(item.pk, by=editor, seen=item.digest, reason="Fine.", at=at)
    with pytest.raises(IntegrityError, match="no_interest"):
        by_sql(item, editor, at)
    assert not Approval.objects.exists()
    assert review.approve(item.pk, by=editor2, seen=item.digest, reason="Fine.", at=at).state == "approved"


def test_what_must_be_fixed_is_settled_before_a_yes(marketer, editor, editor2, officer, at):
    item = submitted(marketer, at=at)
    must = comments.add(
        item, kind="must_fix", words="Say until when.", span=comments.anchor(item, "How long"), by=editor, at=at
    )
    comments.add(item, kind="note", words="Nice.", by=editor, at=at)

    with pytest.raises(review.NoReason, match="must be fixed"):
        review.approve(item.pk, by=editor2, seen=item.digest, reason="Fine.", at=at)
    with pytest.raises(IntegrityError, match="settled_first"):
        by_sql(item, editor2, at)
    with pytest.raises(comments.NotYoursToSettle):
        comments.settle(must.pk, how="It is fine.", by=marketer, at=at)
    with pytest.raises(comments.BadComment):
        comments.settle(must.pk, how=" ", by=officer, at=at)
    assert not Approval.objects.exists()
    comments.settle(must.pk, how="The date stands below.", by=officer, at=at)
    assert review.approve(item.pk, by=editor2, seen=item.digest, reason="Fine.", at=at).state == "approved"


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("update compliance_comment set words = 'x'", "comment_never_changes"),
        ("delete from compliance_comment", "never_deleted"),
        ("update compliance_comment set settled_at = now(), settled_by_id = {other}", "settled_by_who_made_it"),
        ("update compliance_competence set area = '*', valid_until = now() + interval '9 years'", "never_changed"),
    ],
)
def test_raw_sql_cannot_talk_a_comment_or_competence_away(marketer, editor, editor2, at, statement, rule):
    comments.add(submitted(marketer, at=at), kind="must_fix", words="Say until when.", by=editor, at=at)

    refused = pytest.raises(DatabaseError, match=f"{rule}|permission denied")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(other=editor2.pk))

    assert Comment.objects.filter(words="Say until when.", settled_at=None).count() == 1


def test_comments_follow_their_words_to_the_next_version(marketer, editor, at):
    first = submitted(marketer, at=at)
    for quote in ("your pot", "How long"):
        comments.add(
            first, kind="must_fix", words=f"About {quote}.", span=comments.anchor(first, quote), by=editor, at=at
        )

    with acting(f"staff:{marketer.pk}"):  # nobody signs for another: the comment stays the editor's
        second = submitted(marketer, words="Will your pot last until you are ninety?", at=at)

    (carried,) = second.comments.all()
    found = (carried.words, carried.kind, carried.part, carried.start, carried.end, carried.by)
    assert found == ("About your pot.", "must_fix", "body", 5, 13, editor)
    assert carried.carried_from.item == first


def test_a_comment_stands_on_words_that_are_there(marketer, editor, at):
    item = submitted(marketer, at=at)

    with pytest.raises(comments.BadComment):
        comments.anchor(item, "never written")
    with pytest.raises(comments.BadComment):
        comments.add(item, kind="note", words="x", span=comments.Span("body", 1, 4, "How"), by=editor, at=at)
    with pytest.raises(comments.BadComment):
        comments.add(item, kind="shout", words="x", by=editor, at=at)
    assert not Comment.objects.exists()


def test_who_stopped_a_text_does_not_start_it(marketer, editor, editor2, officer, at):
    item = submitted(marketer, topics=[], at=at)
    review.withdraw(item.pk, by=editor, reason="Wrong rate.", at=at)
    item = review.reopen(item.pk, by=officer, reason="Right again.", at=at)

    with pytest.raises(review.NotYours, match="stopped"):
        review.approve(item.pk, by=editor, seen=item.digest, reason="Fine.", at=at)
    with pytest.raises(IntegrityError, match="does_not_start_it"):
        by_sql(item, editor, at)
    review.approve(item.pk, by=editor2, seen=item.digest, reason="Fine.", at=at)
    assert review.approve(item.pk, by=officer, seen=item.digest, reason="Fine.", at=at).state == "approved"


@pytest.mark.parametrize("kind", ReviewKind.values)
def test_one_engine_decides_every_kind(marketer, editor, officer, at, kind):
    scope = {"pair_set": {"pairs": 3, "rows": 2}, "sample": {"n": 59, "seed": 7, "frame": "0" * 64}}.get(kind, {})
    snapshot = {"title": "It", "parts": {"content": "The whole of it."}, "scope": scope}
    item = review.submit(
        digest="a" * 64, kind=kind, title="It", snapshot=snapshot, topics=[], findings=[], authors=[], reason="New.",
        approvals_needed=1, by=marketer, at=at,
    )  # fmt: skip

    with pytest.raises(review.NotYours):
        review.approve(item.pk, by=marketer, seen=item.digest, reason="x", at=at)
    with pytest.raises(review.AlreadyDecided):
        review.approve(item.pk, by=editor, seen="b" * 64, reason="x", at=at)
    with pytest.raises(IntegrityError, match="says_what_it_covers"):
        by_sql(item, editor, at, {"kind": "everything"})
    done = review.approve(item.pk, by=editor, seen=item.digest, reason="Fine.", at=at)
    if quorum.KINDS[kind].approvals > 1:
        assert done.state == "waiting"
        done = review.approve(item.pk, by=officer, seen=item.digest, reason="Fine.", at=at)
    assert done.state == "approved"
    given = Approval.objects.filter(item=item)
    assert [one.scope for one in given] == [{"kind": quorum.KINDS[kind].scope, **scope}] * given.count()


def test_a_volatile_rate_is_approved_for_a_week(marketer, editor, at):
    item = review.submit(
        digest="a" * 64, kind="block", title="Rate", snapshot={"parts": {"body": "4.1 % AER"}, "volatile": True},
        topics=[], findings=[], authors=[], reason="A rate.", approvals_needed=1, by=marketer, at=at,
    )  # fmt: skip

    done = review.approve(item.pk, by=editor, seen=item.digest, reason="Checked.", at=at)

    assert done.valid_until == at + timedelta(days=7)


def test_the_queue_puts_harm_before_due_time_before_reach(marketer, at):
    asked = [("Later", [], 9), ("Many", [], 900), ("Grief", ["bereavement"], 0), ("Crypto", ["crypto"], 0)]
    items = [
        submitted(marketer, words=name, topics=topics, reach=reach, at=at + timedelta(hours=name == "Later"))
        for name, topics, reach in asked
    ]

    order = type(items[0]).objects.open().by_urgency()

    assert [one.snapshot["parts"]["body"] for one in order] == ["Grief", "Crypto", "Many", "Later"]


def test_a_competence_is_in_the_ledger(learner, officer, at):
    granted(learner, officer, at, "crypto")

    deeds = LedgerEntry.objects.filter(about=f"staff:{learner.pk}", kind="competence.granted")
    assert [one.facts["areas"] for one in deeds] == [["crypto"]]
