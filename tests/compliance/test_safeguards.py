"""A note that a client is to be spared is sealed and stays until two officers end it; certificates stand."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client as Browser
from django.utils.timezone import now

from compliance import calls, certificates, consent, vulnerability
from compliance.acting import acting
from compliance.models import CallScreening, Certificate, Client, LedgerEntry, Role, Staff, SubjectKey, Vulnerability
from compliance.rights import erasure, holds, retention
from personalize import merging
from personalize.models import MergeRequest
from tests.merged import merge
from tests.people import reviewer

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
WORDS = "Her husband died in March. Short letters, no calls."


@pytest.fixture
def officer2(db: None) -> Staff:
    """The second officer."""
    return reviewer("officer2", Role.OFFICER)


@pytest.fixture
def admin(db: None) -> Staff:
    """An administrator, even of an officer's role."""
    found = reviewer("admin", Role.OFFICER)
    Staff.objects.filter(pk=found.pk).update(is_superuser=True)
    found.refresh_from_db()
    return found


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


def test_t32_only_active_officers_note_ask_and_end(
    ann: Client, officer: Staff, officer2: Staff, admin: Staff, at: datetime
) -> None:
    gone = reviewer("gone", Role.OFFICER)
    Staff.objects.filter(pk=gone.pk).update(is_active=False)
    others = [admin, gone, reviewer("editor", Role.EDITOR), reviewer("marketer", Role.MARKETER)]
    made = noted(ann, officer, at)
    note = ("insert into compliance_vulnerability (client_id, sealed, sealed_for, source, ground, noted_on, review_on, "
            "noted_by_id, noted_at, end_why) select client_id, sealed, sealed_for, source, ground, noted_on, "
            "review_on, %s, noted_at, '' from compliance_vulnerability where id = %s")  # fmt: skip
    ask = "update compliance_vulnerability set end_why = 'over', end_asked_at = now(), end_asked_by_id = %s"
    end = "update compliance_vulnerability set ended_at = now(), ended_by_id = %s"
    for one in others:
        for change, *params in ((note, one.pk, made.pk), (ask, one.pk)):
            with pytest.raises(IntegrityError):
                sql(change, *params)
    sql(note, officer2.pk, made.pk)
    Vulnerability.objects.get(noted_by=officer2)

    sql(ask, officer.pk)
    for change, who in ((ask, officer2), *((end, one) for one in others)):
        with pytest.raises(IntegrityError):
            sql(change, who.pk)
    # Who asked and is an officer no more is nobody's first of two, and is replaced.
    Staff.objects.filter(pk=officer.pk).update(role=Role.EDITOR)
    with pytest.raises(IntegrityError):
        sql(end, officer2.pk)
    sql(ask, officer2.pk)
    assert Vulnerability.objects.protecting().count() == 2
    Staff.objects.filter(pk=officer.pk).update(role=Role.OFFICER)
    sql(end, officer.pk)
    assert not Vulnerability.objects.protecting().exists()


def test_t32_no_look_puts_the_next_one_off_beyond_a_year(ann: Client, officer: Staff, at: datetime) -> None:
    made = noted(ann, officer, at)
    look = "update compliance_vulnerability set reviewed_at = %s, reviewed_by_id = %s, review_on = %s"
    for review_on in (at.date() + 368 * DAY, date(2999, 1, 1)):
        with pytest.raises(IntegrityError):
            sql(look, at + DAY, officer.pk, review_on)
    with pytest.raises(IntegrityError):
        sql(look, at + DAY, reviewer("editor", Role.EDITOR).pk, at.date() + 60 * DAY)
    with pytest.raises(IntegrityError):
        sql("update compliance_vulnerability set review_on = review_on + 1")

    sql(look, at + DAY, officer.pk, at.date() + 367 * DAY)
    assert Vulnerability.objects.get(pk=made.pk).review_on == at.date() + 367 * DAY


def test_t32_what_protects_moves_between_records_of_one_person_alone(ann: Client, officer: Staff, at: datetime) -> None:
    other = Client.objects.create(user_id="u-2", first_seen_at=at)
    day, tables = at.date(), ("vulnerability", "certificate", "callscreening")
    noted(ann, officer, at)
    certificates.record(ann.pk, "sophisticated", signed_on=day, until=day + DAY, evidence="V", by=officer, at=at)
    calls.keep([calls.Screened(ann.pk, "tps", True, day)], source="bureau", by="system:import", at=at)

    def theirs() -> set[int]:
        kept = (Vulnerability, Certificate, CallScreening)
        return {one for model in kept for one in model.objects.values_list("client", flat=True)}

    for table in tables:
        with pytest.raises(IntegrityError):
            sql(f"update compliance_{table} set client_id = %s", other.pk)
    assert theirs() == {ann.pk}

    merge(other.pk, ann.pk, at=at)
    assert theirs() == {other.pk}
    merging.undo(MergeRequest.objects.get().pk, by=officer, at=at)
    assert theirs() == {ann.pk}
    ann.refresh_from_db()
    assert (ann.merged_into_id, ann.user_id) == (None, "u-1")


def test_t21_proof_goes_with_the_person_or_after_its_years_and_never_while_held(
    ann: Client, officer: Staff, at: datetime
) -> None:
    old = {"certificate": 2196, "callscreening": 1830}
    assert [old["certificate"], old["callscreening"]] == [
        Certificate.personal_data.keep_days, CallScreening.personal_data.keep_days
    ]  # fmt: skip
    people = [ann, *(Client.objects.create(user_id=f"u-{n}", first_seen_at=at) for n in (2, 3))]
    for person, past in zip(people, (timedelta(), timedelta(), 2200 * DAY), strict=True):
        then = now() - past
        certificates.record(person.pk, "sophisticated", signed_on=then.date(), until=then.date() + DAY, evidence="V",
                            by=officer, at=then)  # fmt: skip
        calls.keep([calls.Screened(person.pk, "tps", True, then.date())], source="b", by="system:import", at=then)
    for table in old:
        with pytest.raises(IntegrityError):
            sql(f"delete from compliance_{table} where client_id = %s", ann.pk)
        with pytest.raises(DatabaseError):
            sql(f"truncate compliance_{table}")
    held = holds.place("client", client_id=people[2].pk, reason="A claim", by=officer, at=at)
    for table in old:
        with pytest.raises(IntegrityError):
            sql(f"delete from compliance_{table} where client_id = %s", people[2].pk)
    assert (Certificate.objects.count(), CallScreening.objects.count()) == (3, 3)

    holds.ask_lift(held.pk, by=officer, at=at)
    holds.lift(held.pk, by=reviewer("officer3", Role.OFFICER), at=at)
    with acting("system:retention"):
        gone = retention.sweep(at=now())
    assert (gone["compliance.Certificate"], gone["compliance.CallScreening"]) == (1, 1)
    with acting(f"staff:{officer.pk}"):
        erasure.erase(ann.pk, why="asked", by=officer, at=at)
    assert set(Certificate.objects.values_list("client", flat=True)) == {people[1].pk}
    assert set(CallScreening.objects.values_list("client", flat=True)) == {people[1].pk}


def test_t21_only_officers_write_a_certificate_down(ann: Client, officer: Staff, admin: Staff, at: datetime) -> None:
    day = at.date()
    facts = {"signed_on": day, "until": day + DAY, "evidence": "V"}
    for one in (admin, reviewer("editor", Role.EDITOR)):
        with pytest.raises(vulnerability.NotYours):
            certificates.record(ann.pk, "sophisticated", by=one, at=at, **facts)
        with pytest.raises(IntegrityError), transaction.atomic():
            Certificate.objects.create(client=ann, kind="sophisticated", recorded_by=one, recorded_at=at, **facts)
    assert not Certificate.objects.exists()
    assert certificates.record(ann.pk, "sophisticated", by=officer, at=at, **facts).pk


def test_t32_vulnerability_follows_the_person_and_goes_with_them(ann: Client, officer: Staff, at: datetime) -> None:
    other = Client.objects.create(user_id="u-2", first_seen_at=at)
    noted(ann, officer, at)
    merge(other.pk, ann.pk, at=at)

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
    client: Browser, ann: Client, officer: Staff, officer2: Staff, admin: Staff, at: datetime
) -> None:
    page, form = f"/compliance/clients/{ann.ref}/safeguards/", {
        "kind": "health", "words": WORDS, "source": "carer", "ground": "vital", "review_on": "2199-01-01",
    }  # fmt: skip
    for one in (reviewer("editor", Role.EDITOR), admin):
        client.force_login(one)
        refused = [client.get(page), client.get("/compliance/spared/"), client.post(f"{page}note/", form),
                   client.post(f"{page}certify/", form)]  # fmt: skip
        assert [answer.status_code for answer in refused] == [403] * 4
    assert "/compliance/spared/" not in client.get("/compliance/").content.decode()
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
    assert [one.actor for one in looks.order_by("id")] == [
        *[f"staff:{officer.pk}"] * 3,
        f"staff:{officer2.pk}",
    ]  # each time notes were on the page, also of what was refused
    assert client.get("/compliance/spared/").status_code == 200
    today = now().date()
    certificate = {"kind": "sophisticated", "signed_on": today.isoformat(), "evidence": "Vault 9"}
    assert client.post(f"{page}certify/", {**certificate, "until": "soon"}).status_code == 422
    assert client.post(f"{page}certify/", {**certificate, "until": (today + DAY).isoformat()}).status_code == 302
    assert client.post(f"/compliance/safeguards/certificates/{Certificate.objects.get().pk}/end/").status_code == 302
    assert Certificate.objects.get().ended_on == today
