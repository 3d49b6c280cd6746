"""Consents and the ledger for programs."""

from datetime import UTC, datetime

import pytest

from compliance import notes
from compliance.access import bearers
from compliance.models import Client, ConsentEvent, LedgerEntry
from tests.sealing import seal

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
YES = {"purpose": "marketing", "channel": "email", "granted": True, "source": "crm"}


@pytest.fixture
def call(client, marketer, officer):
    """Call the API as a role."""
    for staff in (marketer, officer):
        bearers.give(
            staff, name="t", scopes=bearers.scopes_of(staff), expires_at=None, by="system:test", at=NOON,
            secret=staff.username,
        )  # fmt: skip

    def _call(role, method, path, body=None):
        return getattr(client, method)(
            path, body, content_type="application/json", headers={"Authorization": f"Bearer {role}"}
        )

    return _call


@pytest.fixture
def ann(db):
    return Client.objects.create(user_id="u-1", email="ann@example.org", first_seen_at=NOON)


def line(answer):
    return next(one for one in answer.json() if (one["purpose"], one["channel"]) == ("marketing", "email"))


def test_a_yes_and_a_no_hold_when_the_call_returns(call, ann, marketer):
    path = "/api/v1/clients/u-1/consents"

    yes = call("marketer", "put", path, [{**YES, "wording_version": "portal-marketing-email-1"}])
    again = call("marketer", "put", path, [{**YES, "wording_version": "portal-marketing-email-1"}])
    no = call("marketer", "put", path, [{**YES, "granted": False}])

    assert (yes.status_code, line(yes)["allowed"], line(yes)["wording_version"]) == (
        200,
        True,
        "portal-marketing-email-1",
    )
    assert line(again)["event"] == line(yes)["event"]
    assert (line(no)["allowed"], line(no)["reason"]) == (False, "withdrawn")
    assert line(call("officer", "get", path))["because"] == "The client withdrew this consent."
    assert set(ConsentEvent.objects.values_list("actor", flat=True)) == {f"staff:{marketer.pk}"}
    images = LedgerEntry.objects.filter(about__startswith="compliance_consentevent:")
    assert set(images.values_list("actor", flat=True)) == {f"staff:{marketer.pk}"}


@pytest.mark.parametrize(
    "body",
    [
        [{**YES}],
        [{**YES, "wording_version": "nobody-wrote-this"}],
        [{**YES, "channel": "any", "wording_version": "portal-marketing-email-1"}],
        [{**YES, "granted": False}, {**YES, "wording_version": "nobody"}],
        [],
        {"purpose": "marketing"},
        [{**YES, "purpose": "spying"}],
    ],
)
def test_a_yes_without_its_words_is_refused_and_nothing_is_written(call, ann, body):
    answer = call("marketer", "put", "/api/v1/clients/u-1/consents", body)

    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert ConsentEvent.objects.count() == 0


def test_only_officers_read_the_ledger(call, ann):
    assert call("marketer", "get", "/api/v1/ledger").status_code == 403

    answer = call("officer", "get", f"/api/v1/ledger?about=compliance_client:{ann.pk}")

    assert [one["kind"] for one in answer.json()["results"]] == ["row.insert"]
    assert call("officer", "get", "/api/v1/ledger?first=x").status_code == 400


@pytest.mark.django_db(transaction=True)
def test_the_checkpoint_is_signed(call, ann):
    assert call("officer", "get", "/api/v1/ledger/checkpoint").status_code in (200, 404)
    seal()

    answer = call("officer", "get", "/api/v1/ledger/checkpoint")
    assert notes.is_ours(answer.json()["note"])
    assert answer.json()["note"].splitlines()[1] == str(answer.json()["size"])
