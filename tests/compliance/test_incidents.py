"""An incident's clocks run from the moment we knew: told in time, or late with reasons, or spared by two."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client as Browser

from compliance.incidents import exhibit, records
from compliance.models import Client, Incident, LedgerEntry, Notice, Staff, Touched
from tests.people import reviewer

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def officer2(db: None) -> Staff:
    """The second officer."""
    return reviewer("officer2", "officer")


def breach(officer: Staff, at: datetime, **change: Any) -> Incident:
    asked = {"title": "Wrong list", "words": "120 addresses were seen.", "aware_at": at, "by": officer, "at": at}
    return records.record(change.pop("kind", "breach"), **{**asked, **change})


def test_t60_the_clocks_are_those_of_kind_and_place(officer: Staff, at: datetime) -> None:
    everywhere = breach(officer, at)
    american = breach(officer, at, places=["US"])
    complaint = breach(officer, at, kind="complaint", places=["UK"])

    def clocks(one: Incident) -> list[tuple[str, str, timedelta]]:
        rows = one.notices.order_by("place", "whom")
        return [(row.place, row.whom, row.due_at - at) for row in rows]

    assert clocks(everywhere) == [
        ("EU", "authority", 72 * HOUR), ("EU", "people", 72 * HOUR),
        ("UK", "authority", 72 * HOUR), ("UK", "people", 72 * HOUR), ("US", "people", 30 * DAY),
    ]  # fmt: skip
    assert clocks(american) == [("US", "people", 30 * DAY)]
    assert clocks(complaint) == [("UK", "complainant", 30 * DAY)]
    assert everywhere.places == ["EU", "UK", "US"]  # nobody said where, so everywhere


def test_t60_a_vendor_has_72_hours_to_tell_us(officer: Staff, at: datetime) -> None:
    vendor = {"kind": "vendor", "vendor": "Mailhouse", "places": ["UK"]}
    in_time = breach(officer, at, **vendor, vendor_aware_at=at - 72 * HOUR)
    late = breach(officer, at, **vendor, vendor_aware_at=at - 73 * HOUR)

    assert (in_time.was_told_late, late.was_told_late) == (False, True)
    with pytest.raises(records.BadIncident, match="names the vendor"):
        breach(officer, at, kind="vendor")
    assert Incident.objects.count() == 2


def test_t60_a_late_notice_says_why_and_none_is_left_open(officer: Staff, officer2: Staff, at: datetime) -> None:
    made = breach(officer, at, places=["UK"])
    authority, people = made.notices.order_by("whom")
    late = at + 73 * HOUR

    with pytest.raises(records.BadIncident, match="late"):
        records.tell(authority.pk, how="ICO form", by=officer, at=late)
    with pytest.raises(records.BadIncident, match="still owed"):
        records.close(made.pk, lesson="Lists are checked.", by=officer, at=late)
    assert Notice.objects.open().count() == 2
    records.tell(authority.pk, how="ICO, IC-1", why_late="Found at night.", by=officer, at=late)
    records.ask_spare(people.pk, why="Encrypted; no risk to them.", by=officer, at=late)
    with pytest.raises(records.NotYours):
        records.spare(people.pk, by=officer, at=late)
    assert Notice.objects.open().count() == 1
    records.spare(people.pk, by=officer2, at=late)
    records.close(made.pk, lesson="Lists are checked.", by=officer, at=late)

    made.refresh_from_db()
    deeds = LedgerEntry.objects.filter(about=f"incident:{made.pk}").order_by("id").values_list("kind", flat=True)
    assert made.closed_at == late
    assert list(deeds) == [
        "incident.recorded", "incident.told", "incident.spare_asked", "incident.spared", "incident.closed",
    ]  # fmt: skip
    for again in (
        lambda: records.tell(people.pk, how="Mail", by=officer, at=at),
        lambda: records.close(made.pk, lesson="Twice.", by=officer, at=late),
    ):
        with pytest.raises(records.AlreadyDone):
            again()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("update compliance_notice set due_at = due_at + interval '1 day'", "a_notice_stands"),
        ("update compliance_notice set told_at = due_at + interval '1 s', told_by_id = %(by)s, how = 'x'",
         "a_late_notice_says_why"),
        ("update compliance_notice set spared_at = due_at, spared_by_id = %(by)s, spare_asked_by_id = %(by)s, "
         "spare_why = 'x'", "two_people_spare_a_notice"),
        ("update compliance_incident set aware_at = aware_at - interval '1 day'", "an_incident_stands"),
        ("update compliance_incident set closed_at = aware_at, closed_by_id = %(by)s, lesson = 'x'",
         "an_incident_closes_when_nobody_waits"),
    ],
)  # fmt: skip
def test_t60_raw_sql_moves_no_clock(officer: Staff, at: datetime, change: str, why: str) -> None:
    breach(officer, at, places=["UK"])
    before = list(Notice.objects.order_by("pk").values())

    with pytest.raises(IntegrityError, match=why), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change, {"by": officer.pk})
    assert list(Notice.objects.order_by("pk").values()) == before


def test_the_desk_records_tells_and_closes(officer: Staff, marketer: Staff, at: datetime, client: Browser) -> None:
    ann = Client.objects.create(user_id="ann", first_seen_at=at)
    asked = {"kind": "breach", "title": "Lost laptop", "words": "Encrypted.", "aware_at": "2026-11-20T10:00",
             "places": "US", "touched": "ann"}  # fmt: skip
    client.force_login(marketer)
    assert client.post("/compliance/incidents/new/", asked).status_code == 403
    client.force_login(officer)

    refused = [
        client.post("/compliance/incidents/new/", asked | change)
        for change in ({"aware_at": ""}, {"aware_at": "soon"}, {"touched": "nobody"}, {"kind": "x"})
    ]
    assert [one.status_code for one in refused] == [422] * 4
    assert not Incident.objects.exists()
    kept = client.post("/compliance/incidents/new/", asked)
    made, notice = Incident.objects.get(), Notice.objects.get()
    shown = client.get("/compliance/incidents/").content.decode()
    oversight = client.get("/compliance/").content.decode()
    where = f"/compliance/incidents/{made.pk}/"

    assert (kept.status_code, kept.url, Touched.objects.get().client_id) == (302, where, ann.pk)
    assert "Lost laptop" in shown
    assert "A notice of an incident" in oversight
    told = {"how": "Letters of 23 November.", "why_late": "Post."}
    answers = [
        client.post(f"{where}close/", {"lesson": "Disks."}).status_code,
        client.post(f"{where}{notice.pk}/forget/", told).status_code,
        client.post(f"{where}{notice.pk}/tell/", {}).status_code,
        client.post(f"{where}{notice.pk}/tell/", told).status_code,
        client.post(f"{where}{notice.pk}/tell/", told).status_code,
        client.post(f"{where}close/", {"lesson": "Disks."}).status_code,
    ]
    assert answers == [422, 404, 422, 302, 409, 302]
    assert "Letters of 23 November." in client.get(where).content.decode()


def test_a_packet_shows_the_incidents_of_its_scope(officer: Staff, at: datetime) -> None:
    ann, bob = (Client.objects.create(user_id=one, first_seen_at=at) for one in ("ann", "bob"))
    breach(officer, at, places=["US"], touched=["ann"])

    def rows(clients: list[int] | None, begins: datetime | None = None) -> list[tuple[str, int]]:
        found = exhibit.rows(clients=clients, campaigns=[], reviews=[], begins=begins, ends=None)
        return [(one["what"], len(one["notices"])) for one in found]

    assert rows([ann.pk]) == rows(None) == [("breach", 1)]
    assert rows([bob.pk]) == rows(None, begins=at + DAY) == []
