"""An incident's clocks run from the moment we knew: told in time, or late with reasons, or spared by two."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client as Browser

from compliance import roles
from compliance.incidents import exhibit, records
from compliance.models import Client, Incident, LedgerEntry, Notice, Role, Staff, Touched
from tests.owner import as_owner
from tests.people import PASSWORD, reviewer

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
         "spare_why = 'x'", "a_notice_stands"),
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


def raw(change: str, **given: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"update compliance_notice set {change}", given)


def test_t60_two_officers_spare_a_notice_and_no_administrator(officer: Staff, officer2: Staff, at: datetime) -> None:
    """Administrators, officers' rank beside or not, and editors are neither of the two, in Python and in SQL."""
    breach(officer, at, places=["US"])
    notice, ask = Notice.objects.get(), "spare_asked_by_id = %(by)s, spare_asked_at = due_at, spare_why = 'x'"
    admin, editor = roles.hire("admin", Role.ADMIN, PASSWORD), reviewer("editor", Role.EDITOR)
    both = roles.hire("both", Role.OFFICER, PASSWORD)
    with as_owner():
        Staff.objects.filter(pk=both.pk).update(is_superuser=True)
    both.refresh_from_db()

    for by in (admin, both, editor):
        with pytest.raises(records.NotYours):
            records.ask_spare(notice.pk, why="No risk.", by=by, at=at)
        with pytest.raises(IntegrityError, match="a_notice_stands"):
            raw(ask, by=by.pk)
    assert Notice.objects.get().spare_asked_by is None
    records.ask_spare(notice.pk, why="No risk.", by=officer, at=at)
    for by in (admin, both, editor):
        with pytest.raises(records.NotYours):
            records.spare(notice.pk, by=by, at=at)
        with pytest.raises(IntegrityError, match="a_notice_stands"):
            raw("spared_by_id = %(by)s, spared_at = due_at", by=by.pk)
    with pytest.raises(IntegrityError, match="two_people_spare_a_notice"):
        raw("spared_by_id = %(by)s, spared_at = due_at", by=officer.pk)
    with pytest.raises(IntegrityError, match="a_notice_stands"):
        raw(ask, by=officer2.pk)
    assert Notice.objects.open().get().spare_asked_by == officer
    records.spare(notice.pk, by=officer2, at=at)
    assert not Notice.objects.open().exists()


def test_t60_who_asked_and_left_is_replaced(officer: Staff, officer2: Staff, at: datetime, client: Browser) -> None:
    made = breach(officer, at, places=["US"])
    notice, third = Notice.objects.get(), reviewer("officer3", Role.OFFICER)
    records.ask_spare(notice.pk, why="No risk.", by=officer, at=at)
    with pytest.raises(records.AlreadyDone):
        records.ask_spare(notice.pk, why="No risk.", by=third, at=at)
    client.force_login(officer2)
    assert "I agree: not owed" in client.get(f"/compliance/incidents/{made.pk}/").content.decode()
    with as_owner():
        Staff.objects.filter(pk=officer.pk).update(is_active=False)

    with pytest.raises(records.AlreadyDone):
        records.spare(notice.pk, by=officer2, at=at)
    with pytest.raises(IntegrityError, match="a_notice_stands"):
        raw("spared_by_id = %(by)s, spared_at = due_at", by=officer2.pk)
    assert "Ask a second officer" in client.get(f"/compliance/incidents/{made.pk}/").content.decode()
    records.ask_spare(notice.pk, why="Encrypted.", by=third, at=at)
    records.spare(notice.pk, by=officer2, at=at)

    spared = Notice.objects.get()
    assert (spared.spare_asked_by, spared.spare_why, spared.spared_by) == (third, "Encrypted.", officer2)


def test_t60_no_notice_begins_as_spared(officer: Staff, officer2: Staff, at: datetime) -> None:
    made = breach(officer, at, places=["US"])
    born = {"incident": made, "whom": "authority", "place": "US", "due_at": at, "source": "x"}
    spared = {"spare_why": "x", "spare_asked_by": officer, "spared_by": officer2, "spared_at": at}

    with pytest.raises(IntegrityError, match="a_notice_stands"), transaction.atomic():
        Notice.objects.create(**born, **spared)
    assert Notice.objects.count() == 1
    Notice.objects.create(**born)


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
