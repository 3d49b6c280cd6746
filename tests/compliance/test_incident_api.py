"""Incidents and the record of processing for programs: what the pages may, with the same refusals."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils.timezone import now

from compliance.access import bearers
from compliance.models import Incident, Notice, PurposeRecord, ReviewItem, Role, Staff
from compliance.processing import records
from tests.people import reviewer

pytestmark = pytest.mark.django_db
Call = Callable[..., Any]


@pytest.fixture
def call(client: Browser, marketer: Staff, officer: Staff) -> Call:
    """Call the API with the token of a role."""
    for staff in (marketer, officer, reviewer("officer2", Role.OFFICER)):
        bearers.give(
            staff, name="t", scopes=bearers.scopes_of(staff), expires_at=None, by="system:test", at=now(),
            secret=staff.username,
        )  # fmt: skip
    bearers.give(officer, name="r", scopes=["read"], expires_at=None, by="system:test", at=now(), secret="reads")

    def _call(who: str, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {who}"}
        return getattr(client, method)(f"/api/v1/{path}", body, content_type="application/json", headers=headers)

    return _call


def breach(**change: Any) -> dict[str, Any]:
    aware = (now() - timedelta(hours=1)).isoformat()
    return {"kind": "breach", "title": "Wrong list", "words": "Seen.", "aware_at": aware, "places": ["UK"], **change}


def test_an_incident_is_recorded_told_and_closed(call: Call) -> None:
    made = call("officer", "post", "incidents", breach())

    assert made.status_code == 201
    told = made.json()
    assert [(one["whom"], one["place"], one["told_at"]) for one in told["notices"]] == [
        ("authority", "UK", None), ("people", "UK", None),
    ]  # fmt: skip
    close = f"incidents/{told['id']}/close"
    assert call("officer", "post", close, {"lesson": "Lists are checked."}).status_code == 400
    authority, people = (one["id"] for one in told["notices"])
    assert call("officer", "post", f"notices/{authority}/tell", {"how": "ICO, ref. 7"}).status_code == 200
    assert call("officer", "post", f"notices/{authority}/tell", {"how": "again"}).status_code == 409
    assert call("officer", "post", f"notices/{people}/spare", {}).status_code == 400
    assert call("officer", "post", f"notices/{people}/spare", {"why": "No risk."}).status_code == 200
    assert call("officer", "post", f"notices/{people}/spare", {"why": "No risk."}).status_code == 403
    assert call("officer2", "post", f"notices/{people}/spare", {}).status_code == 200
    closed = call("officer", "post", close, {"lesson": "Lists are checked."})

    assert (closed.status_code, closed.json()["closed_by"]) == (200, "officer")
    assert [one["id"] for one in call("reads", "get", "incidents").json()["results"]] == [told["id"]]
    assert call("reads", "get", "incidents?open=true").json()["results"] == []


@pytest.mark.parametrize(
    "change",
    [{"kind": "storm"}, {"title": ""}, {"aware_at": "2199-01-01T00:00:00Z"}, {"places": ["FR"]}, {"touched": ["u-9"]},
     {"vendor": "Acme"}],
)  # fmt: skip
def test_what_says_too_little_is_refused_and_nothing_is_written(call: Call, change: dict[str, Any]) -> None:
    answer = call("officer", "post", "incidents", breach(**change))

    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert not Incident.objects.exists()


def test_incidents_are_the_officers_and_a_token_does_what_its_scope_says(call: Call) -> None:
    assert [call("marketer", how, "incidents", breach()).status_code for how in ("get", "post")] == [403, 403]
    refused = call("reads", "post", "incidents", breach())

    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert not Incident.objects.exists()
    assert call("officer", "post", "incidents", breach()).status_code == 201
    notice = Notice.objects.order_by("pk")[0]
    assert call("marketer", "post", f"notices/{notice.pk}/tell", {"how": "x"}).status_code == 403
    assert call("officer", "post", "notices/999999/tell", {"how": "x"}).status_code == 404


def test_the_next_record_of_a_purpose_waits_for_two(call: Call) -> None:
    facts, until = records.SHIPPED["marketing"], (now() + timedelta(days=90)).date().isoformat()
    asked = {"purpose": "marketing", "until": until, **facts}
    before = PurposeRecord.objects.count()

    late = call("officer", "post", "purposes", {**asked, "until": "2199-01-01"})
    bare = call("officer", "post", "purposes", {**asked, "purpose": "profiling"})
    made = call("officer", "post", "purposes", asked)

    assert (late.status_code, bare.status_code, made.status_code) == (400, 400, 201)
    assert "impact assessment" in bare.json()["errors"][0]["reason"]
    assert PurposeRecord.objects.count() == before + 1
    assert (made.json()["author"], made.json()["stands_until"]) == ("officer", None)
    assert ReviewItem.objects.get(digest=made.json()["digest"]).approvals_needed == 2
    listed = call("marketer", "get", "purposes?purpose=marketing").json()
    assert next(one["digest"] for one in listed) == made.json()["digest"]
    assert {one["purpose"] for one in listed} == {"marketing"}
