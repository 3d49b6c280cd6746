"""A place on a page is filled only with what the client allowed and an editor approved."""

from typing import Any

import pytest
from django.test import Client as Browser

from campaigns import runs, serving
from campaigns.models import Campaign, Message
from compliance import consent, review
from compliance.models import Client, ReviewItem, Staff
from tests.campaigns.world import World

BACKEND = "django.contrib.auth.backends.ModelBackend"


def web(world: World, slug: str = "hero", **fields: Any) -> Campaign:
    parts = (("hello", True), ("calm", False), ("plain", True), ("read", True))
    campaign = world.campaign(slug, parts=parts, channel="web", placement="home-hero", **fields)
    runs.launch(campaign, by=world.marketer, at=world.at)
    campaign.refresh_from_db()
    return campaign


def may_see_web(world: World, client: Client) -> Client:
    consent.grant(
        client.pk, purpose="marketing", channel="web", wording="portal-marketing-web-1", surface="portal",
        mechanism="checkbox", by=f"client:{client.pk}", at=world.at,
    )  # fmt: skip
    return client


def test_a_client_who_agreed_is_shown_approved_words(world: World) -> None:
    person = may_see_web(world, world.client(1, risk_tolerance="cautious"))
    campaign = web(world)

    served = serving.fill(person, campaign, channel="web", at=world.at)

    assert served.withheld is None
    assert served.content is not None
    assert served.content["call_to_action"] == "Read the guide"
    assert [one["slot"] for one in served.blocks] == ["subject", "body", "call_to_action"]
    kept = Message.objects.get(pk=served.decision)
    assert (kept.state, kept.propensity) == ("shown", served.propensity)


def test_a_client_keeps_what_they_were_shown(world: World) -> None:
    person = may_see_web(world, world.client(1))
    campaign = web(world)

    shown = [serving.fill(person, campaign, channel="web", at=world.at).blocks for _ in range(3)]

    assert shown[0] == shown[1] == shown[2]


def test_unknown_consent_shows_nothing_and_says_why(world: World) -> None:
    person = world.client(1, consented=False)
    campaign = web(world)

    served = serving.fill(person, campaign, channel="web", at=world.at)

    assert served.content is None
    assert served.withheld == [{"rule": "unknown", "because": "The client has not said yes, and no answer means no."}]
    assert Message.objects.get(pk=served.decision).state == "suppressed"
    may_see_web(world, person)
    assert serving.fill(person, campaign, channel="web", at=world.at).content is not None


def test_words_that_lost_their_approval_are_not_shown(world: World) -> None:
    person = may_see_web(world, world.client(1))
    campaign = web(world)
    for item in ReviewItem.objects.filter(kind="block"):
        review.withdraw(item.pk, by=world.editor, reason="wrong figure", at=world.at)

    served = serving.fill(person, campaign, channel="web", at=world.at)

    assert served.content is None


def test_nobody_fills_an_unknown_place(world: World) -> None:
    with pytest.raises(serving.NoCampaign):
        serving.running(placement="nowhere")


def ask(browser: Browser, path: str, body: Any) -> Any:
    return browser.post(path, body, content_type="application/json")


def test_the_api_decides_with_reasons(world: World, client: Browser) -> None:
    person = may_see_web(world, world.client(1))
    web(world)
    client.force_login(world.marketer, BACKEND)

    answer = ask(client, "/api/v1/decisions", {"userId": person.user_id, "placement": "home-hero"})

    assert answer.status_code == 200
    assert set(answer.json()) == {
        "decision_id", "campaign", "blocks", "content", "propensity", "policy", "phase", "fallback", "reasons",
        "withheld",
    }  # fmt: skip


def test_a_page_counts_whom_it_was_shown_to(world: World) -> None:
    campaign = web(world, share_holdout=0.0)
    for number in (1, 2):
        serving.fill(may_see_web(world, world.client(number)), campaign, channel="web", at=world.at)

    counted = runs.counts(campaign.runs.get().pk)

    assert (counted.audience, counted.sent, counted.adds_up) == (2, 2, True)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"placement": "home-hero"}, 400, "userId"),
        ({"userId": "u1"}, 400, "placement"),
        ({"userId": "u1", "placement": "home-hero", "campaign": "hero"}, 400, "placement"),
    ],
)
def test_a_bad_ask_names_its_field(world: World, client: Browser, body: Any, status: int, field: str) -> None:
    client.force_login(world.marketer, BACKEND)

    answer = ask(client, "/api/v1/decisions", body)

    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert [one["field"] for one in answer.json()["errors"]] == [field]
    assert not Message.objects.exists()


def test_ofrep_answers_as_its_clients_expect(world: World, client: Browser) -> None:
    person = may_see_web(world, world.client(1))
    web(world)
    client.force_login(world.marketer, BACKEND)

    context = {"context": {"targetingKey": person.user_id}}
    one = ask(client, "/ofrep/v1/evaluate/flags/home-hero", context)
    no_key = ask(client, "/ofrep/v1/evaluate/flags/home-hero", {"context": {}})
    no_flag = ask(client, "/ofrep/v1/evaluate/flags/nowhere", context)
    no_json = client.post("/ofrep/v1/evaluate/flags/home-hero", "{", content_type="application/json")
    many = ask(client, "/ofrep/v1/evaluate/flags", context)
    again = client.post(
        "/ofrep/v1/evaluate/flags", context, content_type="application/json", headers={"if-none-match": many["ETag"]}
    )

    assert (one.status_code, one.json()["key"], one.json()["reason"]) == (200, "home-hero", "TARGETING_MATCH")
    assert (no_key.status_code, no_key.json()["errorCode"]) == (400, "TARGETING_KEY_MISSING")
    assert (no_flag.status_code, no_flag.json()["errorCode"]) == (404, "FLAG_NOT_FOUND")
    assert (no_json.status_code, no_json.json()["errorCode"]) == (400, "PARSE_ERROR")
    assert [flag["key"] for flag in many.json()["flags"]] == ["home-hero"]
    assert again.status_code == 304


def test_a_stranger_gets_no_decision(world: World, editor: Staff, client: Browser) -> None:
    nobody = ask(client, "/api/v1/decisions", {"userId": "u1", "placement": "home-hero"})
    client.force_login(editor, BACKEND)
    wrong_role = ask(client, "/api/v1/decisions", {"userId": "u1", "placement": "home-hero"})

    assert (nobody.status_code, wrong_role.status_code) == (401, 403)
    assert not Message.objects.exists()
