"""A note that a client is to be spared is sealed and stays until two officers end it; certificates stand."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client as Browser
from django.utils.timezone import now

from compliance import certificates, consent, vulnerability
from compliance.acting import acting
from compliance.models import Certificate, Client, LedgerEntry, Role, Staff, SubjectKey, Vulnerability
from compliance.rights import erasure
from personalize import merging
from tests.people import reviewer

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
WORDS = "Her husband died in March. Short letters, no calls."


@pytest.fixture
def officer2(db: None) -> Staff:
    """The second officer."""
    return reviewer("officer2", Role.OFFICER)


@pytest.fixture
def ann(at: datetime) -> Client:
    return Client.objects.create(user_id="u-1", email="ann@example.org", first_seen_at=at)


def noted(person: Client, officer: Staff, at: datetime, **change: Any) -> Vulnerability:
    asked = {"kind": "life_event", "words": WORDS, "source": "client", "ground": "economic_wellbeing",
             "review_on": at.date() + 90 * DAY, "by": officer, "at": at}  # fmt: skip
    return vulnerability.note(person.pk, **{**asked, **change})


def sql(text: str, *params: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(text, params)


def test_t32_vulnerability_is_sealed_under_the_clients_own_key(ann: Client, officer: Staff, at: datetime) -> None:
    made = noted(ann, officer, at)

    row = Vulnerability.objects.values().get()
    assert not [one for one in (b"husband", b"life_event") if one in bytes(row["sealed"])]
    [told] = vulnerability.told(ann.pk)
    assert (told.kind, told.words) == (vulnerability.KINDS["life_event"], WORDS)
    images = LedgerEntry.objects.filter(about__in=[f"compliance_vulnerability:{made.pk}", f"client:{ann.pk}"])
    assert [one.kind for one in images.order_by("id")] == ["row.insert", "vulnerability.noted"]
    seen = [one for one in ("husband", "life_event", "economic", "'sealed'") if one in str([i.facts for i in images])]
    assert seen == []

    SubjectKey.objects.filter(pk=ann.pk).delete()
    [told] = vulnerability.told(ann.pk)
    assert (told.kind, told.words, told.note) == ("", "", made)


def test_t32_vulnerability_says_who_told_on_what_ground_and_until_when(
    ann: Client, officer: Staff, at: datetime
) -> None:
    today = at.date()
    for change in (
        {"kind": "grief"}, {"words": " "}, {"words": "w" * 2001}, {"source": "model"}, {"ground": "interest"},
        {"review_on": today}, {"review_on": today + 367 * DAY}, {"ground": "explicit_consent"},
    ):  # fmt: skip
        with pytest.raises(vulnerability.BadNote):
            noted(ann, officer, at, **change)
    with pytest.raises(vulnerability.NotYours):
        noted(ann, reviewer("editor", Role.EDITOR), at)
    assert not Vulnerability.objects.exists()

    consent.grant(ann.pk, purpose="sensitive", channel="any", wording="portal-sensitive-1", surface="portal",
                  mechanism="button", by="client", at=at)  # fmt: skip
    assert noted(ann, officer, at, ground="explicit_consent").pk


def test_t32_vulnerability_past_its_day_protects_on_and_asks_to_be_looked_at(
    ann: Client, officer: Staff, at: datetime
) -> None:
    made, later = noted(ann, officer, at), at + 91 * DAY
    assert vulnerability.overdue(at=at + 89 * DAY) == 0
    assert vulnerability.overdue(at=later) == 1
    assert list(Vulnerability.objects.protecting()) == [made]

    vulnerability.review(made.pk, review_on=later.date() + 30 * DAY, by=officer, at=later)

    assert vulnerability.overdue(at=later) == 0
    assert list(Vulnerability.objects.protecting().values_list("review_on", "reviewed_by")) == [
        (later.date() + 30 * DAY, officer.pk)
    ]


def test_t32_vulnerability_is_ended_by_two_officers_and_never_by_one(
    ann: Client, officer: Staff, officer2: Staff, at: datetime
) -> None:
    made = noted(ann, officer, at)
    with pytest.raises(vulnerability.AlreadyDone):
        vulnerability.end(made.pk, by=officer, at=at)
    vulnerability.ask_end(made.pk, why="over", by=officer, at=at)
    with pytest.raises(vulnerability.NotYours):
        vulnerability.end(made.pk, by=officer, at=at)
    with pytest.raises(vulnerability.NotYours):
        vulnerability.end(made.pk, by=reviewer("editor", Role.EDITOR), at=at)
    assert Vulnerability.objects.protecting().count() == 1

    vulnerability.end(made.pk, by=officer2, at=at)

    assert not Vulnerability.objects.protecting().exists()
    with pytest.raises(vulnerability.AlreadyDone):
        vulnerability.end(made.pk, by=officer2, at=at)
    deeds = LedgerEntry.objects.filter(about=f"client:{ann.pk}").order_by("id")
    assert [one.kind for one in deeds] == ["vulnerability.noted", "vulnerability.end_asked", "vulnerability.ended"]


def test_t32_raw_sql_ends_no_protection(ann: Client, officer: Staff, officer2: Staff, at: datetime) -> None:
    made = noted(ann, officer, at)
    ended = "end_why = 'over', ended_at = now(), ended_by_id = %s, end_asked_by_id = %s"
    for change, *params in (
        (f"update compliance_vulnerability set {ended}", officer2.pk, officer.pk),
        ("update compliance_vulnerability set ended_at = now()",),
        ("update compliance_vulnerability set sealed = ''",),
        ("update compliance_vulnerability set noted_on = noted_on - 9",),
        ("delete from compliance_vulnerability",),
        ("truncate compliance_vulnerability",),
    ):
        with pytest.raises(DatabaseError):
            sql(change, *params)
    assert list(Vulnerability.objects.protecting()) == [made]

    vulnerability.ask_end(made.pk, why="over", by=officer, at=at)
    with pytest.raises(IntegrityError):
        sql(f"update compliance_vulnerability set {ended}", officer.pk, officer.pk)
    sql(f"update compliance_vulnerability set {ended}", officer2.pk, officer.pk)
    with pytest.raises(DatabaseError):
        sql("update compliance_vulnerability set ended_at = null, ended_by_id = null")
    assert not Vulnerability.objects.protecting().exists()


def test_t32_vulnerability_follows_the_person_and_goes_with_them(ann: Client, officer: Staff, at: datetime) -> None:
    other = Client.objects.create(user_id="u-2", first_seen_at=at)
    noted(ann, officer, at)
    merging.join_device(other.pk, ann.pk, by="system:test", at=at)

    [told] = vulnerability.told(other.pk)
    assert (told.note.client_id, told.words) == (other.pk, WORDS)

    with acting(f"staff:{officer.pk}"):
        erasure.erase(other.pk, why="asked", by=officer, at=at)
    assert not Vulnerability.objects.exists()


def test_t21_a_certificate_counts_on_its_days_only_and_stands(ann: Client, officer: Staff, at: datetime) -> None:
    today = at.date()

    def certified(day: date) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("select compliance_certified(%s, %s)", [ann.pk, day])
            return cursor.fetchone()[0]

    given = {"signed_on": today, "until": today + 365 * DAY, "evidence": "Vault 7", "by": officer, "at": at}
    for change in ({"until": today + 367 * DAY}, {"until": today}, {"signed_on": today + DAY}, {"evidence": " "}):
        with pytest.raises(certificates.BadCertificate):
            certificates.record(ann.pk, "high_net_worth", **{**given, **change})
    with pytest.raises(certificates.BadCertificate):
        certificates.record(ann.pk, "rich", **given)
    assert not Certificate.objects.exists()
    with pytest.raises(IntegrityError), transaction.atomic():
        Certificate.objects.create(client=ann, kind="sophisticated", signed_on=today, until=today + 400 * DAY,
                                   evidence="x", recorded_by=officer, recorded_at=at)  # fmt: skip

    made = certificates.record(ann.pk, "high_net_worth", **given)

    assert [certified(today + one * DAY) for one in (-1, 0, 364, 365)] == [False, True, True, False]
    for change in ("until = until + 1", "signed_on = signed_on - 9", "kind = 'sophisticated'", "evidence = 'y'"):
        with pytest.raises(DatabaseError):
            sql(f"update compliance_certificate set {change}")
    assert certificates.end(made.pk, by=officer, at=at)
    assert not certificates.end(made.pk, by=officer, at=at)
    assert not certified(today)
    with pytest.raises(DatabaseError):
        sql("update compliance_certificate set ended_on = null, ended_by_id = null")


def test_the_pages_are_for_officers_and_say_that_they_looked(
    client: Browser, ann: Client, officer: Staff, officer2: Staff, at: datetime
) -> None:
    page, form = f"/compliance/clients/{ann.ref}/safeguards/", {
        "kind": "health", "words": WORDS, "source": "carer", "ground": "vital", "review_on": "2199-01-01",
    }  # fmt: skip
    editor = reviewer("editor", Role.EDITOR)
    client.force_login(editor)
    assert [client.get(page).status_code, client.post(f"{page}note/", form).status_code] == [403, 403]
    client.force_login(officer)

    late = client.post(f"{page}note/", form)
    done = client.post(f"{page}note/", {**form, "review_on": (now().date() + 30 * DAY).isoformat()})

    assert (late.status_code, done.status_code) == (422, 302)
    assert "within a year" in late.content.decode()
    assert WORDS in late.content.decode()
    shown = client.get(page)
    assert WORDS in shown.content.decode()
    assert "no-store" in shown.headers["Cache-Control"]
    made = Vulnerability.objects.get()
    where = f"/compliance/safeguards/notes/{made.pk}/"
    assert client.post(f"{where}ask-end/", {"why": "over"}).status_code == 302
    assert client.post(f"{where}end/").status_code == 403
    client.force_login(officer2)
    assert client.post(f"{where}end/").status_code == 302
    assert client.post(f"{where}end/").status_code == 409
    looks = LedgerEntry.objects.filter(kind="client.viewed", about=f"client:{ann.pk}")
    assert looks.count() == 1
    assert client.get("/compliance/spared/").status_code == 200
    today = now().date()
    certificate = {"kind": "sophisticated", "signed_on": today.isoformat(), "evidence": "Vault 9"}
    assert client.post(f"{page}certify/", {**certificate, "until": "soon"}).status_code == 422
    assert client.post(f"{page}certify/", {**certificate, "until": (today + DAY).isoformat()}).status_code == 302
    assert client.post(f"/compliance/safeguards/certificates/{Certificate.objects.get().pk}/end/").status_code == 302
    assert Certificate.objects.get().ended_on == today
