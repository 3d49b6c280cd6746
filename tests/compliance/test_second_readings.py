"""N11: a random share is read again, blind; who had a part in it never is its reader, and time decides nothing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connections, transaction
from statsmodels.stats.inter_rater import cohens_kappa

from compliance import review, roles
from compliance.judging import comments, competence, readings
from compliance.models import LedgerEntry, ReviewItem, Role, SecondReading, Staff, Stop
from compliance.reviewing import agreement, blind, quality, secondreadings
from tests.compliance.texts import submitted
from tests.people import PASSWORD, reviewer

pytestmark = pytest.mark.django_db
GUARD = "a_second_reading_is_blind_and_stands"


@contextmanager
def refused(match: str) -> Iterator[None]:
    """A sub-transaction that the database refuses."""
    with pytest.raises((IntegrityError, DatabaseError), match=match), transaction.atomic():
        yield


def decided(marketer: Staff, editor: Staff, at, *, words="We read your letter twice.", no: bool = False) -> ReviewItem:
    """A text that the first editor approved or rejected."""
    item = submitted(marketer, words=words, topics=[], at=at)
    decide = review.reject if no else review.approve
    return decide(item.pk, by=editor, seen=item.digest, reason="FIRSTREASON", at=at)


def drawn(marketer: Staff, editor: Staff, at, **more) -> SecondReading:
    """The same text, drawn."""
    one = secondreadings._of(decided(marketer, editor, at, **more))
    secondreadings._keep([one], at=at)
    return SecondReading.objects.get(pk=one.pk)


def read(one: SecondReading, by: Staff, at, *, verdict="approve", topics=()) -> SecondReading:
    """What a second editor made of it."""
    taken = secondreadings.take(by=by, at=at)
    assert taken.pk == one.pk
    return secondreadings.decide(
        one.pk, verdict=verdict, reason="As I see it.", topics=topics, seen=one.digest, by=by, at=at
    )  # fmt: skip


def test_chance_draws_each_text_once_and_nobody_foresees_which(marketer, editor, at, settings, monkeypatch):
    for number in range(60):
        decided(marketer, editor, at, words=f"Text {number}.", no=number % 2 == 1)
    monkeypatch.setattr(secondreadings, "SHARES", {"approved": 0.5, "rejected": 0.2})

    made = secondreadings.draw(at=at + timedelta(hours=1))

    rows = list(SecondReading.objects.order_by("pk"))
    assert made == len(rows)
    assert {one.stratum for one in rows} == {"approved", "rejected"}
    assert {(one.stratum, one.chance, one.first_verdict) for one in rows} == {
        ("approved", 0.5, "approve"), ("rejected", 0.2, "reject"),
    }  # fmt: skip
    assert 5 < sum(one.stratum == "approved" for one in rows) < 25
    assert all(editor.pk in one.involved and marketer.pk in one.involved for one in rows)
    assert secondreadings.draw(at=at + timedelta(hours=2)) == 0
    before = secondreadings.luck("a" * 64, 1)
    settings.SECRET_KEY = "another-key-of-another-installation"
    assert secondreadings.luck("a" * 64, 1) != before
    assert LedgerEntry.objects.filter(kind="second_reading.drawn").count() == made


def test_whoever_had_a_part_in_it_never_reads_it_again(marketer, editor, editor2, officer, at):
    one = drawn(marketer, editor, at)
    third, fourth = (reviewer(name, Role.EDITOR) for name in ("third", "fourth"))
    comments.add(ReviewItem.objects.get(), kind="note", words="Hm.", by=third, at=at)  # after the draw
    readings.opened(ReviewItem.objects.get(), by=fourth, at=at)

    for by in (officer, marketer):
        with pytest.raises(secondreadings.NotYours):
            secondreadings.take(by=by, at=at)
    for by in (editor, third, fourth):
        with pytest.raises(secondreadings.NothingToRead):
            secondreadings.take(by=by, at=at)
    assert SecondReading.objects.get().reader is None
    by_hand = SecondReading.objects.filter(pk=one.pk)
    for person in (editor, third, fourth, marketer, officer):
        with refused(GUARD):
            by_hand.update(reader=person, taken_at=at, seen_by=[person.pk])
    with refused(GUARD):  # not even with a list of people that leaves the first reader out
        by_hand.update(involved=[])
    with refused(GUARD):
        by_hand.update(reader=editor2, taken_at=at)

    assert secondreadings.take(by=editor2, at=at).pk == one.pk
    assert secondreadings.take(by=editor2, at=at + timedelta(minutes=5)).pk == one.pk


def test_nobody_gets_a_text_twice_and_time_decides_nothing(marketer, editor, editor2, at):
    one = drawn(marketer, editor, at)
    secondreadings.take(by=editor2, at=at)
    late = at + timedelta(hours=2)

    with pytest.raises(secondreadings.TooLate):
        secondreadings.decide(one.pk, verdict="approve", reason="x", topics=[], seen=one.digest, by=editor2, at=late)
    with pytest.raises(secondreadings.NothingToRead):
        secondreadings.take(by=editor2, at=late)
    one.refresh_from_db()
    assert (one.verdict, one.decided_at, one.seen_by) == ("", None, [editor2.pk])
    with refused(GUARD):
        SecondReading.objects.filter(pk=one.pk).update(
            reader=editor2, taken_at=late, seen_by=[editor2.pk, editor2.pk]
        )  # fmt: skip
    third = reviewer("third", Role.EDITOR)
    assert secondreadings.take(by=third, at=at + timedelta(days=400)).pk == one.pk
    secondreadings.give_back(one.pk, by=third)
    with pytest.raises(secondreadings.TooLate):
        secondreadings.give_back(one.pk, by=third)
    with pytest.raises(secondreadings.NothingToRead):
        secondreadings.take(by=third, at=at + timedelta(days=400))
    assert SecondReading.objects.get().verdict == ""


def test_a_verdict_is_said_once_whole_and_changes_nothing(marketer, editor, editor2, at):
    one = drawn(marketer, editor, at)
    secondreadings.take(by=editor2, at=at)
    asked = {"seen": one.digest, "by": editor2, "at": at + timedelta(minutes=1)}

    for verdict, reason, topics in (("", "x", []), ("maybe", "x", []), ("reject", " ", []), ("reject", "x", ["no"])):
        with pytest.raises(secondreadings.SaysTooLittle):
            secondreadings.decide(one.pk, verdict=verdict, reason=reason, topics=topics, **asked)
    with pytest.raises(secondreadings.TooLate):
        secondreadings.decide(one.pk, verdict="reject", reason="x", topics=[], **{**asked, "seen": "b" * 64})
    with pytest.raises(secondreadings.TooLate):
        secondreadings.decide(one.pk, verdict="reject", reason="x", topics=[], **{**asked, "by": editor})
    assert SecondReading.objects.get().decided_at is None
    assert not LedgerEntry.objects.filter(kind="second_reading.decided").exists()

    found = secondreadings.decide(one.pk, verdict="reject", reason="It presses.", topics=["crypto"], **asked)

    assert (found.is_disputed, found.settled) == (True, "")
    assert review.standing([one.digest], at=at) == {one.digest: "approved"}
    assert LedgerEntry.objects.get(kind="second_reading.decided").facts["differs"] is True
    for change in ({"verdict": "approve"}, {"topics_seen": []}, {"reader": None}, {"first_verdict": "reject"}):
        with refused(f"{GUARD}|a_second_verdict"):
            SecondReading.objects.filter(pk=one.pk).update(**change)
    with refused("only_ever_added_to|permission denied"):
        SecondReading.objects.all().delete()


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


def passed(marketer: Staff, n: int = 1, *, campaign: str = "guide") -> list[dict]:
    """Texts that went by the policy."""
    return [
        {"digest": f"{number:064x}", "title": "A guide", "campaign": campaign, "authors": [marketer.pk], "chance": 0.5,
         "snapshot": {"parts": {"text": f"Words {number}"}}}
        for number in range(n)
    ]  # fmt: skip


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


def test_whoever_reads_blind_is_led_back_and_free_after(marketer, editor, editor2, at, client):
    assert blind.reading(editor2, at=at) is None
    one = drawn(marketer, editor, at)

    secondreadings.take(by=editor2, at=at)

    assert blind.reading(editor2, at=at + timedelta(minutes=119)) == one.pk
    assert blind.reading(editor2, at=at + timedelta(hours=2)) is None
    assert blind.reading(editor, at=at) is None


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


def test_a_text_that_went_long_ago_and_is_decided_now_stops_no_draw(marketer, editor, at, monkeypatch):
    monkeypatch.setattr(secondreadings, "SHARES", {"approved": 1.0, "rejected": 1.0})
    late = at + timedelta(days=90)
    item, other = (decided(marketer, editor, late, words=words) for words in ("Said before.", "New."))
    secondreadings.add_passed([{**passed(marketer)[0], "digest": item.digest}], at=at)

    assert secondreadings.draw(at=late) == 1

    assert set(SecondReading.objects.values_list("digest", "stratum")) == {
        (item.digest, "passed"), (other.digest, "approved"),
    }  # fmt: skip


def test_the_same_words_of_two_campaigns_are_drawn_once(marketer, at):
    texts = passed(marketer, 2) + passed(marketer, 1, campaign="another")

    assert secondreadings.add_passed(texts, at=at) == 2
    assert SecondReading.objects.count() == 2


def test_a_verdict_is_said_by_an_editor_at_work_in_time_and_only_a_difference_is_settled(
    marketer, editor, editor2, officer, at
):
    one = drawn(marketer, editor, at)
    secondreadings.take(by=editor2, at=at)
    by_hand = SecondReading.objects.filter(pk=one.pk)
    told = {"verdict": "approve", "reason": "x", "topics_seen": [], "decided_at": at + timedelta(minutes=1)}

    for moment in (at - timedelta(minutes=1), at + timedelta(hours=2)):
        with refused(GUARD):
            by_hand.update(**{**told, "decided_at": moment})
    for change in ({"is_active": False}, {"role": Role.OFFICER}):
        before = {name: getattr(editor2, name) for name in change}
        Staff.objects.filter(pk=editor2.pk).update(**change)
        with refused(GUARD):
            by_hand.update(**told)
        with pytest.raises(secondreadings.TooLate):
            secondreadings.decide(
                one.pk, verdict="approve", reason="x", topics=[], seen=one.digest, at=at,
                by=Staff.objects.get(pk=editor2.pk),
            )  # fmt: skip
        Staff.objects.filter(pk=editor2.pk).update(**before)
    assert by_hand.get().decided_at is None
    assert not LedgerEntry.objects.filter(kind="second_reading.decided").exists()

    assert by_hand.update(**told) == 1
    settling = {"judge": officer, "judged": "reject", "judged_reason": "x", "judged_at": at + timedelta(minutes=2)}
    with refused(GUARD):  # both said the same
        by_hand.update(**settling)
    assert by_hand.get().judged_at is None
    differs = drawn(marketer, editor, at, words="Another.")
    read(differs, editor2, at, topics=["debt"])
    assert SecondReading.objects.filter(pk=differs.pk).update(**settling) == 1


@pytest.mark.parametrize(
    ("stratum", "verdict", "fits"),
    [("approved", "reject", False), ("rejected", "approve", False), ("passed", "reject", False),
     ("approved", "approve", True), ("rejected", "reject", True), ("passed", "approve", True)],
)  # fmt: skip
def test_how_a_text_was_drawn_fits_its_first_verdict(stratum, verdict, fits, at):
    made = SecondReading(
        digest="c" * 64, kind="block", title="x", snapshot={"parts": {}}, stratum=stratum, first_verdict=verdict,
        chance=0.1, drawn_at=at,
    )  # fmt: skip

    if fits:
        made.save()
    else:
        with refused("a_second_reading_says_how_it_was_drawn"):
            made.save()

    assert SecondReading.objects.exists() == fits


def test_texts_that_do_not_suit_keep_none_back_and_whoever_oversees_hears_of_one_without_reader(
    marketer, editor, editor2, officer, at, client
):
    competence.declare(editor2, about="guide", why="A cousin sells it.", at=at)
    competence.declare(editor, about="guide", why="So does mine.", at=at)
    secondreadings.add_passed(passed(marketer, 60), at=at)
    assert secondreadings.without_reader(at=at) == 60
    one = drawn(marketer, editor, at + timedelta(minutes=1))
    assert secondreadings.without_reader(at=at) == 60

    client.force_login(officer)
    assert b"60 of them wait for a reader" in client.get("/review/second/").content
    client.force_login(editor)
    assert b"of them wait for a reader" not in client.get("/review/second/").content

    assert secondreadings.take(by=editor2, at=at + timedelta(minutes=2)).pk == one.pk
    reviewer("third", Role.EDITOR)
    assert secondreadings.without_reader(at=at) == 0
