"""What a client owns or earns, their age and scores of risk reach no marketer; officers see all."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse

from campaigns import audiences
from compliance.models import Channel, Client, Purpose
from personalize import declarations, discretion, features, sources
from personalize.models import Event, EventType, QuarantinedItem

pytestmark = pytest.mark.django_db
SECRET = {"annual_income": "81234", "dateOfBirth": "1961-02-03", "risk_score": "77.5", "net_worth": "555123"}
OPEN = {"goal": "house", "risk_tolerance": "cautious", "page": "7714"}


@pytest.fixture
def ada(at):
    features.ensure_core(at)
    ada = Client.objects.create(user_id="ada", email="ada@example.com", first_seen_at=at)
    for key, value in {**SECRET, **OPEN, "account": {"balance": "98765"}}.items():
        declarations.declare(ada.pk, key, value, source="portal", at=at)
    source = sources.add("site", "The site", write_key="a-write-key-for-tests", at=at)
    Event.objects.create(
        source=source, client=ada, message_id="m1", type=EventType.TRACK, name="Form", occurred_at=at, received_at=at,
        properties={"answers": [{"age": "64321"}], "plan": "gold"},
    )  # fmt: skip
    body = json.dumps({"type": "identify", "traits": {"income": "45678", "plan": "silver"}})
    QuarantinedItem.objects.create(source=source, reason="No name", body=body, received_at=at)
    QuarantinedItem.objects.create(source=source, reason="Broken", body='{"income": 13579', received_at=at)
    return ada


VALUES = (*SECRET.values(), "98765", "64321", "45678", "13579")
PAGES = ("/api/v1/clients/ada", reverse("rejected_events"))


def shown(client, staff):
    client.force_login(staff)
    pages = (*PAGES, reverse("client", args=[Client.objects.get(user_id="ada").ref]))
    answers = [client.get(page) for page in pages]
    answers += [client.post("/console/clients/", {"q": words}, follow=True) for words in ("81234", "ada")]
    assert {one.status_code for one in answers} == {200}
    return "".join(one.content.decode() for one in answers)


def test_no_page_and_no_api_gives_a_marketer_what_is_sensitive(client, ada, marketer, officer):
    text = shown(client, marketer)

    assert [value for value in VALUES if value in text.replace("q=81234", "").replace('value="81234"', "")] == []
    assert "annual_income" in text
    assert [value for value in (*OPEN.values(), "gold", "silver") if value not in text] == []
    assert discretion.SENTENCE in text
    everything = shown(client, officer)
    assert [value for value in VALUES if value not in everything] == []


def test_the_api_says_which_value_is_withheld(client, ada, marketer, officer):
    seen = {}
    for staff in (marketer, officer):
        client.force_login(staff)
        told = client.get("/api/v1/clients/ada").json()["attributes"]
        seen[staff] = {one["key"]: (one["value"], one["is_withheld"], one["origin"]) for one in told}

    assert seen[marketer]["annual_income"] == (None, True, "declared")
    assert seen[officer]["annual_income"] == ("81234", False, "declared")
    assert seen[marketer]["goal"] == seen[officer]["goal"] == ("house", False, "declared")


@pytest.mark.parametrize("key", ["age", "retirement_age", "monthly_saving", "Household Income", "riskScore", "dob",
                                 "risk_profile", "gender", "disability", "churchgoer", "creditRating", "bereavedSince",
                                 "job_redundancy"])  # fmt: skip
def test_what_is_sensitive_is_known_by_its_name(key):
    assert discretion.is_sensitive(key, frozenset())


@pytest.mark.parametrize(
    "key", ["goal", "experience", "risk_tolerance", "language", "page", "usage", "message", "plan"]
)
def test_what_is_not_stays_readable(key):
    assert not discretion.is_sensitive(key, frozenset())


def test_a_count_of_few_is_not_told_where_the_rule_reads_what_is_sensitive(ada, at):
    earns = {"field": "attribute:annual_income", "op": "exists", "value": True}
    saves = {"field": "goal", "op": "eq", "value": "house"}

    def counted(rule):
        return audiences.count(rule, purpose=Purpose.SERVICE, channel=Channel.WEB, at=at + timedelta(hours=1))

    assert (counted(earns).segment, counted(saves).segment) == (1, 1)
    assert audiences.too_few(earns, counted(earns)).startswith("Fewer than 10.")
    assert audiences.too_few({"all": [saves, earns]}, counted(earns)).startswith("Fewer than 10.")
    assert audiences.too_few(saves, counted(saves)) == ""
    many = audiences.Waterfall(*[audiences.FEW] * 6, lost=())
    assert audiences.too_few(earns, many) == ""
