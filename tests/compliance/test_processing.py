"""A purpose is used under a record that two people approved and that is in date, and otherwise not at all."""

import copy
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction
from django.test import Client as Browser
from django.utils.timezone import now

from compliance import asking, consent, review
from compliance.models import Channel, Client, Purpose, PurposeRecord, ReviewItem, Staff
from compliance.processing import records, register
from tests import owner

DAY = timedelta(days=1)
FACTS = records.SHIPPED["profiling"]


def propose(marketer: Staff, at: datetime, purpose: str = "profiling", **change: Any) -> ReviewItem:
    facts = {**copy.deepcopy(records.SHIPPED[purpose]), **change}
    made = records.propose(purpose, facts, until=(at + 200 * DAY).date(), by=marketer, at=at)
    return ReviewItem.objects.get(digest=made.digest)


def approve(item: ReviewItem, at: datetime, *people: Staff) -> None:
    for by in people:
        review.approve(item.pk, by=by, seen=item.digest, reason="Agreed.", at=at)


def nothing_stands() -> None:
    with owner.as_owner():
        PurposeRecord.objects.update(stands_until=None)


@pytest.fixture
def ann(db: None, at: datetime) -> Client:
    """Somebody who said yes to profiling."""
    made = Client.objects.create(user_id="ann", first_seen_at=at - 9 * DAY)
    consent.grant(
        made.pk, purpose=Purpose.PROFILING, channel=Channel.ANY, wording="portal-profiling-1", surface="portal",
        mechanism="checkbox", by=f"client:{made.pk}", at=at - DAY,
    )  # fmt: skip
    return made


def answer(ann: Client, at: datetime) -> str:
    return asking.may_send(ann.pk, purpose=Purpose.PROFILING, channel=Channel.ANY, at=at).reason


def test_t33_without_a_record_in_date_every_answer_is_no(
    ann: Client, marketer: Staff, editor: Staff, officer: Staff, at: datetime
) -> None:
    assert answer(ann, at) == "ok"
    nothing_stands()
    assert answer(ann, at) == "no_record"

    item = propose(marketer, at)
    approve(item, at, editor)
    assert (answer(ann, at), records.usable(at=at)) == ("no_record", set())
    approve(item, at, officer)

    assert (answer(ann, at), records.usable(at=at)) == ("ok", {"profiling"})
    assert answer(ann, at + 199 * DAY) == "ok"
    assert answer(ann, at + 201 * DAY) == "no_record"  # its review is due
    review.withdraw(item.pk, by=editor, reason="The risks changed.", at=at)
    assert answer(ann, at) == "no_record"


def test_t33_a_later_record_takes_the_place_of_the_one_before(
    ann: Client, marketer: Staff, editor: Staff, officer: Staff, at: datetime
) -> None:
    first = propose(marketer, at)
    approve(first, at, editor, officer)
    second = propose(marketer, at, impact={**FACTS["impact"], "risks": "Others, looked at anew."})
    assert PurposeRecord.objects.get(purpose="profiling", stands_until__isnull=False).digest == first.digest
    approve(second, at, editor, officer)

    assert PurposeRecord.objects.get(purpose="profiling", stands_until__isnull=False).digest == second.digest
    review.withdraw(second.pk, by=officer, reason="Wrong.", at=at)
    assert answer(ann, at) == "no_record"  # and the first does not come back


def test_t33_an_older_record_takes_no_newer_ones_place(
    ann: Client, marketer: Staff, editor: Staff, officer: Staff, at: datetime
) -> None:
    oldest, older, newest = (
        propose(marketer, at, impact={**FACTS["impact"], "risks": f"Looked at {times}."})
        for times in ("once", "twice", "thrice")
    )
    approve(newest, at, editor, officer)

    approve(oldest, at, editor, officer)

    assert PurposeRecord.objects.get(purpose="profiling", stands_until__isnull=False).digest == newest.digest
    review.withdraw(newest.pk, by=officer, reason="Wrong.", at=at)
    review.reopen(newest.pk, by=officer, reason="Looked at again.", at=at)
    approve(older, at, editor, officer)
    assert answer(ann, at) == "no_record"  # a newer one stood, whatever becomes of it


def test_t33_a_newer_record_that_never_stood_is_no_obstacle(
    ann: Client, marketer: Staff, editor: Staff, officer: Staff, at: datetime
) -> None:
    older = propose(marketer, at)
    newer = propose(marketer, at, impact={**FACTS["impact"], "risks": "Looked at anew."})
    approve(newer, at, editor)
    review.withdraw(newer.pk, by=officer, reason="Not this.", at=at)

    approve(older, at, editor, officer)

    assert PurposeRecord.objects.get(purpose="profiling", stands_until__isnull=False).digest == older.digest


def test_t33_what_was_refused_or_ended_is_proposed_anew(
    marketer: Staff, editor: Staff, officer: Staff, at: datetime
) -> None:
    first = propose(marketer, at)
    assert propose(marketer, at) == first  # it waits
    review.reject(first.pk, by=editor, seen=first.digest, reason="Not yet.", at=at)

    again = propose(marketer, at)

    assert (again.pk != first.pk, again.state) == (True, "waiting")
    approve(again, at, editor, officer)
    assert propose(marketer, at) == again  # it stands
    review.withdraw(again.pk, by=officer, reason="Wrong.", at=at)
    third = propose(marketer, at)
    assert (third.pk not in (first.pk, again.pk), third.state) == (True, "waiting")
    approve(propose(marketer, at, impact={**FACTS["impact"], "risks": "Looked at anew."}), at, editor, officer)
    assert propose(marketer, at).pk != third.pk  # a newer one stands, so the third cannot


@pytest.mark.django_db(transaction=True)
def test_two_proposals_at_once_are_two_versions(marketer: Staff, at: datetime) -> None:
    made: list[int] = []

    def other() -> None:
        item = propose(marketer, at, impact={**FACTS["impact"], "risks": "Looked at anew."})
        made.append(PurposeRecord.objects.get(digest=item.digest).version)
        connections.close_all()

    thread = threading.Thread(target=other)
    with transaction.atomic():
        first = PurposeRecord.objects.get(digest=propose(marketer, at).digest).version
        thread.start()
        thread.join(0.5)
        assert made == []
    thread.join(10)

    assert made == [first + 1]


@pytest.mark.parametrize(
    ("purpose", "change", "why"),
    [
        ("marketing", {"processing": {**FACTS["processing"], "kept": " "}}, "How long they are kept"),
        ("marketing", {"bases": {"UK": "consent", "EU": "consent"}}, "ground in US"),
        ("marketing", {"bases": {"UK": "legitimate_interest", "EU": "consent", "US": "consent"}}, "Art. 6"),
        ("profiling", {"impact": {}}, "impact assessment"),
        ("marketing", {"impact": {"risks": "Some."}}, "“The processing and its purposes”: what was begun"),
    ],
)
def test_t33_a_record_is_whole(marketer: Staff, at: datetime, purpose: str, change: dict[str, Any], why: str) -> None:
    kept = PurposeRecord.objects.count()

    with pytest.raises(records.BadRecord, match=why):
        propose(marketer, at, purpose, **change)
    with pytest.raises(records.BadRecord, match="within a year"):
        records.propose(purpose, records.SHIPPED[purpose], until=(at + 400 * DAY).date(), by=marketer, at=at)
    assert (PurposeRecord.objects.count(), ReviewItem.objects.count()) == (kept, 0)
    assert propose(marketer, at, purpose).kind == "record"
    bad = records.tidy({**records.SHIPPED[purpose], **change})
    with pytest.raises(IntegrityError, match="a_record_is_whole"), transaction.atomic():
        PurposeRecord.objects.create(
            purpose=purpose, version=9, facts=bad, until=at.date(), digest="x", author=marketer, made_at=at
        )


def test_t33_nobody_writes_a_standing_by_hand(marketer: Staff, at: datetime) -> None:
    made = {"purpose": "marketing", "facts": records.SHIPPED["marketing"], "until": at.date(), "made_at": at}
    nothing_stands()

    for forged in (
        {"stands_until": at + 9 * DAY, "author": marketer},
        {"is_carried": True, "author": None},
    ):
        with pytest.raises(IntegrityError, match="a_record_stands_by_its_review"), transaction.atomic():
            PurposeRecord.objects.create(**made, version=9, digest="x", **forged)
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("update compliance_purposerecord set stands_until = '2100-01-01'")
    assert records.usable(at=at) == set()


def test_the_register_is_read_and_the_next_version_proposed(
    editor: Staff, officer: Staff, at: datetime, client: Browser
) -> None:
    flat = {f"{name}-{key}": text for name in records.SECTIONS for key, text in FACTS.get(name, {}).items()}
    form = {
        **flat,
        **{f"basis-{place}": one for place, one in FACTS["bases"].items()},
        "until": str(now().date() + 90 * DAY),
    }
    client.force_login(officer)

    listed = client.get("/compliance/processing/").content.decode()
    asked = client.get("/compliance/processing/profiling/").content.decode()
    bad = client.post("/compliance/processing/profiling/", {**form, "impact-risks": ""})
    assert (bad.status_code, ReviewItem.objects.count()) == (422, 0)
    kept = client.post("/compliance/processing/profiling/", {**form, "impact-risks": "Looked at anew."})

    assert "Measuring whether I open and click" in listed
    assert "compliance.consentevent" in listed
    assert "Pressure on people in difficulty" in asked
    assert (kept.status_code, ReviewItem.objects.get().kind) == (302, "record")
    assert client.get("/compliance/processing/tulips/").status_code == 404
    assert {one["purpose"] for one in register.purposes(at=at) if one["is_in_force"]} == set(Purpose.values)
    client.force_login(editor)
    assert client.get("/compliance/processing/").status_code == 403


def test_t33_officers_are_told_a_month_before_a_record_ends(officer: Staff, client: Browser) -> None:
    warning = "Without a record of its purpose in date"

    def told(**ends: datetime | None) -> str:
        with owner.as_owner():
            PurposeRecord.objects.update(stands_until=now() + 31 * DAY)
            for purpose, end in ends.items():
                PurposeRecord.objects.filter(purpose=purpose).update(stands_until=end)
        return client.get("/compliance/").content.decode()

    client.force_login(officer)
    assert warning not in told()
    page = told(marketing=now() + 29 * DAY, profiling=now() - DAY, sensitive=None)
    assert warning in page
    assert "Our own products and education: ends on" in page
    assert "Using my activity to choose what is relevant: ended on" in page
    assert "Using sensitive details I gave you: no version stands." in page
    assert "Products of partners" not in page
