"""N11: a random share is read again, blind; who had a part in it never is its reader, and time decides nothing."""

from datetime import timedelta

import pytest

from compliance import review
from compliance.judging import comments, competence, readings
from compliance.models import LedgerEntry, ReviewItem, Role, SecondReading, Staff
from compliance.reviewing import blind, secondreadings
from tests.compliance.read_twice import GUARD, decided, drawn, passed, read, refused
from tests.people import reviewer

pytestmark = pytest.mark.django_db


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


def test_whoever_reads_blind_is_led_back_and_free_after(marketer, editor, editor2, at, client):
    assert blind.reading(editor2, at=at) is None
    one = drawn(marketer, editor, at)

    secondreadings.take(by=editor2, at=at)

    assert blind.reading(editor2, at=at + timedelta(minutes=119)) == one.pk
    assert blind.reading(editor2, at=at + timedelta(hours=2)) is None
    assert blind.reading(editor, at=at) is None


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
