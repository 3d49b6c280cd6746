"""N11: planted texts, reading times and agreement; escalation; outside counsel. Time never approves."""

from datetime import timedelta

import pytest
from django.db import IntegrityError

from compliance import review
from compliance.judging import readings
from compliance.models import Approval, Invitation, LedgerEntry, ReviewItem, Seed
from compliance.reviewing import counsel, escalation, quality, seeds
from tests.compliance.test_reviewers import by_sql
from tests.compliance.texts import submitted

pytestmark = pytest.mark.django_db


@pytest.fixture
def planted(marketer, editor, at) -> ReviewItem:
    """One planted text among twenty that wait."""
    good = submitted(marketer, words="We read your letter twice.", topics=[], at=at)
    review.approve(good.pk, by=editor, seen=good.digest, reason="Fine.", at=at)
    for number in range(20):
        submitted(marketer, words=f"Text {number}", topics=[], at=at)
    assert seeds.plant(at=at) == 1
    assert seeds.plant(at=at) == 0
    return Seed.objects.get().item


def test_one_in_twenty_waiting_texts_is_planted_and_never_stands(planted, editor2, at):
    item = review.approve(planted.pk, by=editor2, seen=planted.digest, reason="Fine.", at=at)

    assert (item.state, "planted text" in item.decision_reason) == ("withdrawn", True)
    assert not Approval.objects.filter(item=item).exists()
    assert review.standing([item.digest], at=at) == {item.digest: "withdrawn"}
    (told,) = quality.figures(since=at - timedelta(days=1), at=at)[-1:]
    assert (told.staff, told.seeds, told.caught) == (editor2, 1, 0)


def test_nobody_tells_a_planted_text_by_who_handed_it_in(planted, marketer, editor2, officer, client):
    client.force_login(editor2)
    listed = client.get("/api/v1/reviews", {"state": "open"}).json()["results"]
    seen = client.get(f"/review/{planted.pk}/").content.decode()
    client.force_login(officer)
    ReviewItem.objects.filter(pk=planted.pk).update(due_at=planted.due_at - timedelta(days=9))
    oversight = client.get("/compliance/").content.decode()

    assert planted.pk in {one["id"] for one in listed}
    assert {one["submitted_by"] for one in listed} == {marketer.username}
    assert planted.title in oversight
    assert [page.count("quality-desk") for page in (seen, oversight)] == [0, 0]


def test_raw_sql_cannot_let_a_planted_text_stand(planted, editor2, at):
    by_sql(planted, editor2, at)

    with pytest.raises(IntegrityError, match="planted_text_is_never_approved"):
        ReviewItem.objects.filter(pk=planted.pk).update(
            state="approved", decided_by=editor2, decided_at=at, valid_until=at + timedelta(days=1)
        )


def test_a_planted_text_that_is_noticed_counts_for_its_reader(planted, editor2, at):
    review.reject(planted.pk, by=editor2, seen=planted.digest, reason="It presses.", at=at)

    figures = {one.staff: one for one in quality.figures(since=at - timedelta(days=1), at=at)}
    assert (figures[editor2].seeds, figures[editor2].caught) == (1, 1)


def test_a_decision_faster_than_reading_is_told(marketer, editor, editor2, at):
    long = " ".join(["word"] * 600)  # a minute at the fastest
    for by, seconds in ((editor, 30), (editor2, 90)):
        item = submitted(marketer, words=f"{long} {by.username}", topics=[], at=at)
        readings.opened(item, by=by, at=at)
        review.approve(item.pk, by=by, seen=item.digest, reason="Fine.", at=at + timedelta(seconds=seconds))

    figures = {one.staff: one for one in quality.figures(since=at, at=at + timedelta(hours=1))}
    assert (figures[editor].too_fast, figures[editor].seconds) == (1, 30)
    assert (figures[editor2].too_fast, figures[editor2].seconds) == (0, 90)


@pytest.mark.parametrize(
    ("pairs", "value"),
    [
        ([], None),
        ([("approve", "approve")], None),
        ([("approve", "approve"), ("reject", "reject")], 1.0),
        ([("approve", "reject"), ("reject", "approve")], -1.0),
        # Cohen 1960 by hand: 45 + 15 agree of 100, chance .60·.70 + .40·.30 = .54: (.60 − .54) / .46
        ([("a", "a")] * 45 + [("a", "b")] * 15 + [("b", "a")] * 25 + [("b", "b")] * 15, (0.6 - 0.54) / 0.46),
    ],
)
def test_agreement_beyond_chance(pairs, value):
    assert quality.kappa(pairs) == (value if value is None else pytest.approx(value))


def test_time_tells_more_people_and_never_approves(marketer, editor, at):
    item = submitted(marketer, at=at)
    review.claim(item.pk, by=editor, at=at)

    seen = []
    for days in (0, 1, 2, 3, 30):
        escalation.escalate(at=item.due_at + timedelta(days=days))
        item.refresh_from_db()
        seen.append((item.state, item.escalation, item.claimed_by))

    assert seen == [("waiting", level, None) for level in (1, 2, 3, 3, 3)]
    deeds = LedgerEntry.objects.filter(about=review.about(item), kind="review.escalated").order_by("id")
    assert [one.facts["to"] for one in deeds] == ["pool", "head", "held"]
    with pytest.raises(IntegrityError, match="never_taken_back"):
        ReviewItem.objects.filter(pk=item.pk).update(escalation=0)


def test_before_it_is_due_nobody_is_told(marketer, at):
    submitted(marketer, at=at)

    assert escalation.escalate(at=at) == 0


@pytest.fixture
def asked(marketer, officer, at):
    """Outside counsel was asked about one text for two days."""
    item = submitted(marketer, at=at)
    _, secret = counsel.invite(
        item, name="Iris Vane", firm="Vane LLP", until=at + timedelta(days=2), evidence="Pensions counsel.",
        by=officer, at=at,
    )  # fmt: skip
    return item, secret


def test_outside_counsel_decides_one_text_once_in_their_own_name(asked, at):
    item, secret = asked

    done = counsel.decide(secret, yes=True, reason="Correct.", seen=item.digest, at=at)

    assert (done.state, done.decided_by.last_name) == ("approved", "Iris Vane, Vane LLP")
    with pytest.raises(counsel.NoInvitation):
        counsel.decide(secret, yes=False, reason="No.", seen=item.digest, at=at)
    assert not done.decided_by.has_usable_password()


def test_a_link_ends_and_opens_nothing_else(asked, marketer, at):
    item, secret = asked
    other = submitted(marketer, words="Another text about your pot.", at=at)
    person = Invitation.objects.get().staff

    with pytest.raises(counsel.NoInvitation):
        counsel.decide(secret, yes=True, reason="Late.", seen=item.digest, at=at + timedelta(days=2))
    with pytest.raises(counsel.NoInvitation):
        counsel.find("guessed", at=at)
    with pytest.raises(review.AlreadyDecided):
        counsel.decide(secret, yes=True, reason="Fine.", seen=other.digest, at=at)
    with pytest.raises(review.NotYours):
        review.approve(other.pk, by=person, seen=other.digest, reason="Fine.", at=at)
    with pytest.raises(IntegrityError, match="what_they_were_sent"):
        by_sql(other, person, at)
    assert not Approval.objects.exists()


def test_only_an_officer_asks_outside_counsel(marketer, editor, at):
    item = submitted(marketer, at=at)

    with pytest.raises(review.NotYours):
        counsel.invite(item, name="A", firm="B", until=at + timedelta(days=1), evidence="x", by=editor, at=at)

    assert not Invitation.objects.exists()
