"""Safeguards for programs: officers' tokens alone, what is sealed in no answer that is kept, two who end."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.utils.timezone import now

from compliance import roles
from compliance.access import bearers
from compliance.models import Certificate, Client, LedgerEntry, Role, Staff, Vulnerability
from tests.people import PASSWORD, reviewer

pytestmark = pytest.mark.django_db
Call = Callable[..., Any]
WORDS = "Lost her husband in May."


@pytest.fixture
def call(client: Browser, marketer: Staff, editor: Staff, officer: Staff) -> Call:
    """Call the API with the token of a role; `reads` is an officer's token that may only read."""
    people = (marketer, editor, officer, reviewer("officer2", Role.OFFICER), roles.hire("root", Role.ADMIN, PASSWORD))
    for staff in people:
        bearers.give(
            staff, name="t", scopes=bearers.scopes_of(staff), expires_at=None, by="system:test", at=now(),
            secret=staff.username,
        )  # fmt: skip
    bearers.give(officer, name="r", scopes=["read"], expires_at=None, by="system:test", at=now(), secret="reads")

    def _call(who: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        sent = {"Authorization": f"Bearer {who}", **headers}
        return getattr(client, method)(f"/api/v1/{path}", body, content_type="application/json", headers=sent)

    return _call


@pytest.fixture
def person(db: None) -> Client:
    return Client.objects.create(user_id="c-1", first_seen_at=now())


def note(**change: Any) -> dict[str, Any]:
    day = (now() + timedelta(days=90)).date().isoformat()
    return {"kind": "life_event", "words": WORDS, "source": "client", "ground": "vital", "review_on": day, **change}


def certificate(**change: Any) -> dict[str, Any]:
    day = now().date()
    return {"kind": "sophisticated", "signed_on": day.isoformat(), "until": (day + timedelta(days=90)).isoformat(),
            "evidence": "File 7", **change}  # fmt: skip


@pytest.mark.parametrize("who", ["marketer", "editor", "root", "reads"])
def test_nobody_but_an_officer_notes_or_reads(call: Call, person: Client, who: str) -> None:
    assert call(who, "post", "clients/c-1/vulnerabilities", note()).status_code == 403
    assert call(who, "post", "clients/c-1/certificates", certificate()).status_code == 403
    assert (Vulnerability.objects.count(), Certificate.objects.count()) == (0, 0)
    made = call("officer", "post", "clients/c-1/vulnerabilities", note()).json()

    told = [
        call(who, "get", "vulnerabilities"),
        call(who, "get", "clients/c-1/safeguards"),
        call(who, "post", f"vulnerabilities/{made['id']}/review", {"review_on": note()["review_on"]}),
        call(who, "post", f"vulnerabilities/{made['id']}/end", {"why": "over"}),
    ]

    assert [one.status_code for one in told] == ([200, 200, 403, 403] if who == "reads" else [403] * 4)
    if who != "reads":
        assert WORDS not in "".join(one.content.decode() for one in told)
    found = Vulnerability.objects.get()
    assert (found.reviewed_at, found.end_asked_at) == (None, None)


def test_what_a_note_says_is_read_by_officers_and_kept_nowhere_else(call: Call, person: Client) -> None:
    made = call("officer", "post", "clients/c-1/vulnerabilities", note(), **{"Idempotency-Key": "one"})

    assert made.status_code == 201
    assert WORDS not in made.content.decode()
    assert "life_event" not in made.content.decode()
    again = call("officer", "post", "clients/c-1/vulnerabilities", note(), **{"Idempotency-Key": "one"})
    assert (again.json(), Vulnerability.objects.count()) == (made.json(), 1)
    with connection.cursor() as cursor:
        cursor.execute("select string_agg(i::text, '') from compliance_idempotentcall i")
        assert WORDS.encode().hex() not in cursor.fetchone()[0]
    read = call("officer", "get", "clients/c-1/safeguards")
    (told,) = read.json()["notes"]
    assert (told["kind"], told["words"], told["note"]["client"]) == (
        "A life event, such as a death, a divorce or a lost job", WORDS, "c-1",
    )  # fmt: skip
    assert "no-store" in read["Cache-Control"]
    looked = LedgerEntry.objects.get(kind="client.viewed")
    assert (looked.about, looked.facts["page"]) == (f"client:{person.pk}", "safeguards")
    assert not LedgerEntry.objects.filter(facts__icontains=WORDS).exists()
    (listed,) = call("officer", "get", "vulnerabilities").json()["results"]
    assert listed == made.json()
    assert call("officer", "get", "vulnerabilities?due=true").json()["results"] == []


def test_what_says_too_little_is_refused(call: Call, person: Client) -> None:
    far = (now() + timedelta(days=400)).date().isoformat()

    for bad in (note(words=""), note(kind="mood"), note(review_on=far), note(ground="explicit_consent")):
        assert call("officer", "post", "clients/c-1/vulnerabilities", bad).status_code == 400
    for bad in (certificate(evidence=" "), certificate(until=far), certificate(kind="friend")):
        assert call("officer", "post", "clients/c-1/certificates", bad).status_code == 400
    assert call("officer", "post", "clients/nobody/vulnerabilities", note()).status_code == 404

    assert (Vulnerability.objects.count(), Certificate.objects.count()) == (0, 0)


def test_a_protection_is_ended_by_two_officers(call: Call, person: Client) -> None:
    path = f"vulnerabilities/{call('officer', 'post', 'clients/c-1/vulnerabilities', note()).json()['id']}"
    later = (now() + timedelta(days=200)).date().isoformat()

    assert call("officer", "post", f"{path}/review", {"review_on": later}).json()["review_on"] == later
    assert call("officer", "post", f"{path}/end", {}).status_code == 400
    assert call("officer", "post", f"{path}/end", {"why": "over"}).json()["end_asked_by"] == "officer"
    assert call("officer", "post", f"{path}/end", {"why": "over"}).status_code == 403
    assert Vulnerability.objects.get().ended_at is None
    ended = call("officer2", "post", f"{path}/end")

    assert (ended.status_code, ended.json()["ended_by"]) == (200, "officer2")
    assert call("officer2", "post", f"{path}/review", {"review_on": later}).status_code == 409
    assert call("officer", "get", "vulnerabilities").json()["results"] == []


def test_a_certificate_is_written_down_and_taken_back(call: Call, person: Client) -> None:
    made = call("officer", "post", "clients/c-1/certificates", certificate())

    assert (made.status_code, made.json()["recorded_by"]) == (201, "officer")
    path = f"certificates/{made.json()['id']}/end"
    assert call("root", "post", path).status_code == 403
    assert Certificate.objects.get().ended_on is None
    ended = [call("officer2", "post", path).json() for _ in range(2)]
    assert ended[0] == ended[1]
    assert ended[0]["ended_by"] == "officer2"
    (kept,) = call("officer", "get", "clients/c-1/safeguards").json()["certificates"]
    assert kept == ended[0]
