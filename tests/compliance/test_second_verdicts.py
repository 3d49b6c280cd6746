"""N11: what two readers see differently is settled by a third, and how well readers agree is told with its interval."""

import threading
from datetime import timedelta

import pytest
from django.db import connections, transaction
from statsmodels.stats.inter_rater import cohens_kappa

from compliance import review, roles
from compliance.judging import comments, competence
from compliance.models import ReviewItem, Role, SecondReading, Staff, Stop
from compliance.reviewing import agreement, quality, secondreadings
from tests.compliance.read_twice import GUARD, drawn, passed, read, refused
from tests.compliance.texts import submitted
from tests.people import PASSWORD, reviewer

pytestmark = pytest.mark.django_db


def test_a_third_settles_it_and_a_no_stops_what_stands(marketer, editor, editor2, officer, at):
    one = drawn(marketer, editor, at)
    read(one, editor2, at, verdict="reject", topics=["crypto"])
    said = {"verdict": "reject", "reason": "It speaks of tokens.", "topics": ["crypto"], "at": at}

    for by in (editor, editor2, marketer):
        with pytest.raises(secondreadings.NotYours):
            secondreadings.judge(one.pk, by=by, **said)
        with refused(f"{GUARD}|a_difference_is_settled_by_a_third"):
            SecondReading.objects.filter(pk=one.pk).update(
                judge=by, judged="reject", judged_reason="x", judged_at=at, judged_topics=[]
            )
    assert review.standing([one.digest], at=at) == {one.digest: "approved"}

    settled = secondreadings.judge(one.pk, by=officer, **said)

    told = {one.staff: (one.reread, one.overturned) for one in quality.figures(since=at - timedelta(1), at=at)}
    assert told == {editor: (1, 1)}
    assert (settled.settled, settled.settled_topics) == ("reject", ["crypto"])
    assert review.standing([one.digest], at=at) == {one.digest: "withdrawn"}
    with pytest.raises(secondreadings.TooLate):
        secondreadings.judge(one.pk, by=officer, **{**said, "verdict": "approve"})
    (line,) = secondreadings.labelled()
    assert (line["text"], line["topics"], line["must_route_to_review"]) == (
        "We read your letter twice.", ["crypto"], True,
    )  # fmt: skip


def test_a_third_may_uphold_the_first_and_nothing_is_stopped(marketer, editor, editor2, officer, at):
    one = drawn(marketer, editor, at)
    read(one, editor2, at, verdict="reject")

    secondreadings.judge(one.pk, verdict="approve", reason="Plain and true.", topics=[], by=officer, at=at)

    told = {one.staff: (one.reread, one.overturned) for one in quality.figures(since=at - timedelta(1), at=at)}
    assert told == {editor: (1, 0)}
    assert review.standing([one.digest], at=at) == {one.digest: "approved"}
    assert [line["must_route_to_review"] for line in secondreadings.labelled()] == [False]


def test_what_agrees_needs_no_third(marketer, editor, editor2, officer, at):
    one = drawn(marketer, editor, at)
    read(one, editor2, at)

    with pytest.raises(secondreadings.TooLate):
        secondreadings.judge(one.pk, verdict="reject", reason="No.", topics=[], by=officer, at=at)
    assert review.standing([one.digest], at=at) == {one.digest: "approved"}
    assert list(secondreadings.labelled()) == []


def test_two_texts_that_should_not_have_gone_stop_their_campaign(marketer, editor, officer, at):
    texts = passed(marketer, 2)
    assert secondreadings.add_passed(texts, at=at) == 2
    assert secondreadings.add_passed(texts, at=at) == 0

    stopped = []
    for one in SecondReading.objects.order_by("pk"):
        read(one, editor, at, verdict="reject", topics=["debt"])
        secondreadings.judge(one.pk, verdict="reject", reason="It speaks of debt.", topics=["debt"], by=officer, at=at)
        stopped.append(list(Stop.objects.values_list("scope", "target")))

    assert stopped == [[], [("campaign", "guide")]]


def test_figures_of_agreement_with_their_intervals(marketer, editor, editor2, officer, at):
    for number in range(4):
        one = drawn(marketer, editor, at, words=f"Text {number}.", no=number == 3)
        read(one, editor2, at, verdict="reject" if number > 1 else "approve", topics=["debt"] if number else [])
    open_one = SecondReading.objects.get(topics_seen=["debt"], verdict="approve")
    secondreadings.judge(open_one.pk, verdict="approve", reason="Fine.", topics=["debt"], by=officer, at=at)

    everything, *strata = agreement.by_stratum(SecondReading.objects.all())

    assert (everything.n, everything.agreed, everything.open, everything.overturned) == (4, 0.75, 2, 0)
    assert everything.kappa is None  # four are too few for it
    assert [(one.name, one.n) for one in strata] == [("Approved", 3), ("Rejected", 1)]
    (debt,) = agreement.missed(SecondReading.objects.all())
    assert (debt.topic, debt.n, debt.missed) == ("debt", 1, 1)


@pytest.mark.parametrize(
    "table", [((45, 15), (25, 15)), ((20, 5), (10, 15)), ((88, 1), (2, 9)), ((10, 0), (0, 10)), ((0, 5), (5, 0))]
)
def test_kappa_and_its_interval_are_those_of_others(table):
    (a, b), (c, d) = table
    pairs = [("a", "a")] * a + [("a", "b")] * b + [("b", "a")] * c + [("b", "b")] * d

    value, low, high = agreement.kappa(pairs)

    theirs = cohens_kappa(table)
    assert (value, low, high) == pytest.approx(
        (theirs.kappa, max(theirs.kappa_low, -1), min(theirs.kappa_upp, 1)), abs=1e-9
    )


def test_nothing_beyond_chance_is_claimed_where_all_said_the_same():
    assert agreement.kappa([]) is None
    assert agreement.kappa([("approve", "approve")] * 9) is None
    assert agreement.wilson(0, 0) == (0.0, 1.0)
    # Newcombe, Statistics in Medicine 17 (1998), Table I: 81 of 263, Wilson: .2553 to .3662
    assert agreement.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


@pytest.mark.django_db(transaction=True)
def test_two_who_settle_at_once_count_each_other_and_stop_a_campaign_once(marketer, editor, officer, at):
    assert secondreadings.add_passed(passed(marketer, 2), at=at) == 2
    first, second = SecondReading.objects.order_by("pk")
    for one in (first, second):
        read(one, editor, at, verdict="reject")
    other = reviewer("other", Role.OFFICER)

    def settle(one: SecondReading, by: Staff) -> None:
        secondreadings.judge(one.pk, verdict="reject", reason="No.", topics=[], by=by, at=at)

    def alone() -> None:
        settle(second, other)
        connections.close_all()

    thread = threading.Thread(target=alone)
    with transaction.atomic():
        settle(first, officer)
        thread.start()
        thread.join(1)
        assert Stop.objects.count() == 0
    thread.join(10)

    assert list(Stop.objects.values_list("scope", "target", "thrown_by")) == [("campaign", "guide", other.pk)]


def test_whoever_has_an_interest_or_lacks_competence_neither_reads_nor_settles(marketer, editor, editor2, officer, at):
    with_interest, fit = (reviewer(name, Role.EDITOR) for name in ("with-interest", "fit"))
    competence.declare(with_interest, about="guide", why="A cousin sells it.", at=at)
    secondreadings.add_passed(passed(marketer), at=at)
    by_hand = SecondReading.objects.filter(campaign="guide")

    with pytest.raises(secondreadings.NothingToRead):
        secondreadings.take(by=with_interest, at=at)
    with refused(GUARD):
        by_hand.update(reader=with_interest, taken_at=at, seen_by=[with_interest.pk])
    one = by_hand.get()
    assert (one.reader, one.seen_by) == (None, [])
    read(one, fit, at, verdict="reject")
    settling = {"verdict": "approve", "reason": "Plain.", "topics": [], "at": at}
    with pytest.raises(secondreadings.NotYours, match="interest"):
        secondreadings.judge(one.pk, by=with_interest, **settling)
    with refused(GUARD):
        by_hand.update(judge=with_interest, judged="approve", judged_reason="x", judged_at=at)
    assert by_hand.get().judged_at is None

    unproven = roles.hire("unproven", Role.EDITOR, PASSWORD)
    item = submitted(marketer, words="On debt.", topics=["debt"], at=at)
    for by in (editor, reviewer("another", Role.OFFICER)):
        review.approve(item.pk, by=by, seen=item.digest, at=at)
    secondreadings._keep([secondreadings._of(ReviewItem.objects.get(pk=item.pk))], at=at)
    touchy = SecondReading.objects.get(digest=item.digest)
    with pytest.raises(secondreadings.NothingToRead):
        secondreadings.take(by=unproven, at=at)
    read(touchy, editor2, at, verdict="reject", topics=["debt"])
    with pytest.raises(secondreadings.NotYours, match="competent"):
        secondreadings.judge(touchy.pk, by=unproven, **settling)
    assert SecondReading.objects.filter(judged_at=None).count() == 2

    for each in (one, touchy):
        assert secondreadings.judge(each.pk, by=officer, **settling).judge == officer


def test_who_came_to_the_text_after_the_draw_is_told_that_another_settles_it(
    marketer, editor, editor2, officer, at, client
):
    one = drawn(marketer, editor, at)
    read(one, editor2, at, verdict="reject")
    late = reviewer("late", Role.OFFICER)
    comments.add(ReviewItem.objects.get(), kind="note", words="Hm.", by=late, at=at)
    said = {"verdict": "approve", "reason": "Plain.", "topics": [], "at": at}

    with pytest.raises(secondreadings.NotYours):
        secondreadings.judge(one.pk, by=late, **said)
    client.force_login(late)
    asked = client.post(f"/review/second/{one.pk}/judge/", {"verdict": "approve", "reason": "Plain."})
    assert asked.status_code == 403
    assert SecondReading.objects.get().judged_at is None
    assert secondreadings.judge(one.pk, by=officer, **said).judge == officer
