"""Profile, market and outcomes as programs see them."""

import json
from datetime import timedelta

import pytest

from compliance.models import Client, LedgerEntry
from personalize import declarations
from personalize.models import MarketSignal, Outcome

PAST = "2026-01-02T03:04:05Z"


@pytest.fixture
def ada(db, at):
    ada = Client.objects.create(user_id="ada", email="ada@example.com", first_seen_at=at)
    declarations.declare(ada.pk, "risk_tolerance", "cautious", source="portal", at=at - timedelta(days=800))
    return ada


@pytest.fixture
def signed_in(client, marketer):
    client.force_login(marketer)
    return client


def post(client, path, body):
    return client.post(path, body, content_type="application/json")


def test_a_profile_says_where_each_value_comes_from(signed_in, ada):
    answer = signed_in.get("/api/v1/clients/ada")

    assert answer.status_code == 200
    [known] = answer.json()["attributes"]
    assert (known["key"], known["value"], known["origin"], known["source"], known["is_stale"]) == (
        "risk_tolerance", "cautious", "declared", "portal", True,
    )  # fmt: skip
    assert LedgerEntry.objects.filter(kind="client.viewed", about=f"client:{ada.pk}").count() == 1
    assert signed_in.get("/api/v1/clients/nobody").status_code == 404


def test_nobody_without_the_right_sees_a_profile(client, ada, editor):
    assert client.get("/api/v1/clients/ada").status_code in (401, 403)
    client.force_login(editor)
    assert client.get("/api/v1/clients/ada").status_code == 403


def test_a_market_signal_is_kept_and_corrected(signed_in):
    for value in (0.3, 0.4):
        body = {"kind": "volatility", "value": value, "effective_at": PAST}
        assert post(signed_in, "/api/v1/market", body).status_code == 201

    assert list(MarketSignal.objects.values_list("kind", "value")) == [("volatility", 0.4)]


def test_outcomes_are_all_kept_or_none(signed_in, ada):
    good = {"userId": "ada", "kind": "tenure", "value": 1, "at": PAST}

    assert post(signed_in, "/api/v1/outcomes", good).json() == {"kept": 1, "repeated": 0}
    assert post(signed_in, "/api/v1/outcomes", [good]).json() == {"kept": 0, "repeated": 1}
    metric = {**good, "kind": "Plan Reviewed"}
    assert post(signed_in, "/api/v1/outcomes", metric).json() == {"kept": 1, "repeated": 0}
    refused = post(signed_in, "/api/v1/outcomes", [{**good, "kind": "activity"}, {**good, "userId": "nobody"}])

    assert refused.status_code == 400
    assert refused.json()["errors"] == [{"field": "[1].userId", "reason": "names nobody"}]
    assert Outcome.objects.count() == 2


@pytest.mark.parametrize("value", [True, "x", None, 10**400, "inf", {"a": 1}, "1e999"])
def test_a_value_that_is_no_number_is_refused(signed_in, ada, value):
    body = {"userId": "ada", "kind": "tenure", "value": value, "at": PAST}

    assert post(signed_in, "/api/v1/outcomes", body).status_code == 400
    assert post(signed_in, "/api/v1/market", {"kind": "v", "value": value, "effective_at": PAST}).status_code == 400
    assert not Outcome.objects.exists()


@pytest.mark.parametrize("kind", ["a\x00", "\ud800", "x" * 41, ""])
def test_texts_postgresql_cannot_store_are_refused(signed_in, ada, kind):
    raw = json.dumps({"userId": "ada", "value": 1, "at": PAST, "kind": kind}).encode()

    assert post(signed_in, "/api/v1/outcomes", raw).status_code == 400
