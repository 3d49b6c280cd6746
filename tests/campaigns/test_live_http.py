"""The short way as programs ask for it: over HTTP and as flags it answers as the long way does."""

import json
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils.timezone import now

from campaigns import serving
from campaigns.live import deciding, lane
from campaigns.models import Message
from compliance.access import bearers
from compliance.models import LedgerEntry
from tests.campaigns.shortly import PLACE, SECRET
from tests.campaigns.test_serving import may_see_web, web
from tests.campaigns.world import World


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each question whether the short way answered it."""
    noted: list[bool] = []
    decide = deciding.decide

    def deciding_noted(*args: Any, **rest: Any) -> serving.Served | None:
        served = decide(*args, **rest)
        noted.append(served is not None)
        return served

    monkeypatch.setattr(deciding, "decide", deciding_noted)
    return noted


def post(browser: Browser, body: Any, **headers: str) -> Any:
    sent = {"authorization": f"Bearer {SECRET}", **headers}
    return browser.post("/api/v1/decisions", body, content_type="application/json", headers=sent)


def test_over_http_both_ways_answer_alike(world: World, client: Browser, ways: list[bool]) -> None:
    bearers.give(
        world.marketer, name="page", scopes=["read", "build_campaigns"], expires_at=None, by=world.marketer, at=now(),
        secret=SECRET,
    )  # fmt: skip
    person = may_see_web(world, world.client(1))
    web(world)
    body = {"userId": person.user_id, "placement": PLACE, "context": {"page": "home"}}

    first, second = post(client, body), post(client, body)

    assert ways == [False, True]
    assert (first.status_code, second.status_code) == (200, 200)
    assert {**first.json(), "decision_id": ""} == {**second.json(), "decision_id": ""}
    assert first["Content-Type"] == second["Content-Type"] == "application/json"
    assert Message.objects.filter(pk=second.json()["decision_id"], state="shown").exists()


def test_over_http_a_flag_goes_the_short_way_and_answers_alike(world: World, client: Browser, ways: list[bool]) -> None:
    bearers.give(
        world.marketer, name="page", scopes=["read", "build_campaigns"], expires_at=None, by=world.marketer, at=now(),
        secret=SECRET,
    )  # fmt: skip
    person = may_see_web(world, world.client(1))
    web(world)

    def flag(body: Any, key: str = PLACE) -> Any:
        sent = {"authorization": f"Bearer {SECRET}"}
        return client.post(f"/ofrep/v1/evaluate/flags/{key}", body, content_type="application/json", headers=sent)

    asked = {"context": {"targetingKey": person.user_id, "device": "phone"}}
    first, second = flag(asked), flag(asked)

    assert ways == [False, True]
    told = [{**one.json(), "metadata": {**one.json()["metadata"], "decision_id": ""}} for one in (first, second)]
    assert told[0] == told[1]
    assert told[0]["reason"] == "TARGETING_MATCH"
    assert first["Cache-Control"] == second["Cache-Control"] == "private, no-store"
    kept_before = Message.objects.count()
    assert flag({"context": {"targetingKey": "nobody"}}).json() == {"key": PLACE, "reason": "UNKNOWN"}
    assert flag({"context": {}}).json()["errorCode"] == "TARGETING_KEY_MISSING"
    assert flag(asked, "nowhere").status_code == 404
    assert Message.objects.count() == kept_before


def test_all_flags_at_once_go_the_short_way_where_they_can(world: World, client: Browser, ways: list[bool]) -> None:
    person = may_see_web(world, world.client(1))
    bearers.give(
        world.marketer, name="page", scopes=["build_campaigns"], expires_at=None, by=world.marketer, at=now(),
        secret=SECRET,
    )  # fmt: skip
    web(world)

    def every(who: str, **headers: str) -> Any:
        sent = headers or {"authorization": f"Bearer {SECRET}", "x-request-id": "all-of-them"}
        body = {"context": {"targetingKey": who}}
        return client.post("/ofrep/v1/evaluate/flags", body, content_type="application/json", headers=sent)

    first, second = every(person.user_id), every(person.user_id)
    nobody, keyed = every("nobody"), every(person.user_id, **{"x-api-key": SECRET})

    assert ways == [False, True, False]  # a new text goes the long way once; a key under another name always
    assert first["ETag"] == second["ETag"] == keyed["ETag"]
    assert second.json()["flags"][0]["reason"] == "TARGETING_MATCH"
    assert nobody.json()["flags"] == [{"key": PLACE, "reason": "UNKNOWN"}]
    decision = second.json()["flags"][0]["metadata"]["decision_id"]
    entry = LedgerEntry.objects.get(about=f"campaigns_message:{decision}")
    assert (entry.actor, entry.request) == (f"staff:{world.marketer.pk}", "all-of-them")
    assert every(person.user_id, authorization="Bearer wrong").status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"[]", b'{"userId": 1, "placement": "a"}', b'{"userId": "u1"}', b'{"userId": " u1", "placement": "a"}',
        b'{"userId": "u\\u0000", "placement": "a"}', b'{"userId": "u1", "placement": "a", "campaign": "b"}',
        b'{"userId": "u1", "placement": "a", "channel": "email"}', b"\xff",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_not_read_shortly(body: bytes) -> None:
    assert lane._asked(body) is None
    assert lane._asked(json.dumps({"userId": "u1", "placement": "a"}).encode()) is not None
