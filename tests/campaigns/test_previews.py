"""A preview is what a run would do, for a person to look at, and it leaves no trace."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from campaigns import plans, previews
from campaigns.models import Campaign
from compliance import tokens
from compliance.models import Client, Staff
from personalize import features, profiles
from tests.campaigns.world import World

WRITTEN = ("campaigns", "personalize", "compliance")


@pytest.fixture
def world(marketer: Staff, editor: Staff) -> World:
    """The world an hour ago: pages ask the real clock."""
    at = now() - timedelta(hours=1)
    features.ensure_core(at)
    return World(at, marketer, editor)


@pytest.fixture
def browser(marketer: Staff) -> Browser:
    """The marketer's browser."""
    browser = Browser()
    browser.force_login(marketer, backend="django.contrib.auth.backends.ModelBackend")
    return browser


def of(campaign: Campaign, clients: list[Client], *, throw: int = 0) -> list[previews.Preview]:
    at = now()
    return previews.of(campaign, plans.snapshot(campaign, at=at), clients, throw=throw, at=at)


def rows() -> dict[str, int]:
    ours = [model for model in apps.get_models() if model._meta.app_label in WRITTEN]
    return {model._meta.label: model._base_manager.count() for model in ours}


def test_a_cautious_client_sees_careful_words_and_why_the_others_are_closed(world):
    careful = world.client(1, risk_tolerance="cautious")
    profiles.refresh(at=now())
    campaign = world.campaign()

    shown = of(campaign, [careful])[0]

    body = next(one for one in shown.places if one.slot == "body")
    assert body.words == "Here is how your plan works, step by step."
    assert [(one.version.block.slug, one.is_chosen, one.chance, one.because) for one in body.candidates] == [
        ("calm", True, 1.0, "Open to this client."),
        ("bold", False, 0.0, "The way it speaks of risk does not suit what the client told us about risk."),
        ("plain", False, 0.0, "It is kept for clients to whom nothing else is open."),
    ]
    assert shown.subject == "A short guide to your plan"
    assert "Here is how your plan works, step by step." in shown.text
    assert (shown.fault, shown.may_write) == ("", True)


def test_a_throw_is_repeatable_and_chances_add_up(world):
    bold = world.client(1, risk_tolerance="growth")
    campaign = world.campaign()

    chosen = {of(campaign, [bold], throw=throw)[0].places[1].words for throw in range(12)}
    again = [of(campaign, [bold], throw=3)[0].html for _ in range(2)]
    chances = [one.chance for one in of(campaign, [bold])[0].places[1].candidates]

    assert chosen == {"Here is how your plan works, step by step.", "Here is how to look further ahead with your plan."}
    assert again[0] == again[1]
    assert chances == [0.5, 0.5, 0.0]


def test_a_client_we_may_not_write_to_is_shown_with_the_reason(world):
    silent = world.client(1, consented=False)

    shown = of(world.campaign(), [silent])[0]

    assert not shown.may_write
    assert shown.allowed == "The client has not said yes, and no answer means no."
    assert shown.html


def test_a_missing_value_is_a_sentence_and_no_mail(world, browser):
    nameless = world.client(1)
    Client.objects.filter(pk=nameless.pk).update(first_name="")
    named = world.client(2)
    greeting = world.block("hi", slot="subject", body="{{ first_name }}, a guide")
    campaign = world.campaign(parts=(("plain", True), ("read", True)))
    plans.add_candidate(campaign, greeting, is_fallback=True, by=world.marketer, at=world.at)

    shown = of(campaign, [Client.objects.get(pk=nameless.pk), named])

    assert shown[0].fault == "There is no value for “first_name” and no fallback."
    assert (shown[0].html, shown[0].subject) == ("", "")
    assert shown[1].subject == "Client2, a guide"
    assert browser.get(reverse("preview_mail", args=["guide", nameless.pk])).status_code == 404


def test_looking_writes_nothing(world, browser):
    for number, risk in enumerate(["cautious", "balanced", "growth"]):
        world.client(number, risk_tolerance=risk)
    world.campaign()
    client = Client.objects.first()
    browser.get(reverse("campaign_preview", args=["guide"]))
    before = rows()

    for query in ("", "?who=hardest", "?throw=5&view=text", "?q=u1", f"?client={client.pk}"):
        assert browser.get(reverse("campaign_preview", args=["guide"]) + query).status_code == 200
    browser.get(reverse("preview_mail", args=["guide", client.pk]))

    assert rows() == before


def test_the_mail_stands_alone_in_a_sandbox_and_leads_nowhere(world, browser):
    client = world.client(1)
    world.campaign()

    answer = browser.get(reverse("preview_mail", args=["guide", client.pk]))

    policy = answer["Content-Security-Policy"]
    assert answer.status_code == 200
    assert policy.startswith("sandbox; default-src 'none'")
    assert "frame-ancestors 'self'" in policy
    assert "script" not in policy
    assert tokens.make("portal", client.ref) not in answer.content.decode()
    assert "/o/" not in answer.content.decode()


def test_the_hard_cases_are_found_and_each_client_is_named_once(world):
    nameless = world.client(1, risk_tolerance="balanced", experience="some")
    Client.objects.filter(pk=nameless.pk).update(first_name="", last_name="")
    long = world.client(2, risk_tolerance="balanced")
    Client.objects.filter(pk=long.pk).update(last_name="Featherstonehaugh-Cholmondeley")
    foreign = world.client(3, risk_tolerance="growth")
    Client.objects.filter(pk=foreign.pk).update(language="cy")
    careful = world.client(4, risk_tolerance="cautious")
    silent = world.client(5)

    found = previews.hardest(world.campaign(), at=now())

    assert found == [
        ("No first name", nameless),
        ("Longest name", long),
        ("Another language", foreign),
        ("Most cautious", careful),
        ("Told us nothing", silent),
    ]


def test_people_are_found_by_key_and_name(world):
    one, two = world.client(1), world.client(12)

    assert previews.search("u1") == [one, two]
    assert previews.search("CLIENT12") == [two]
    assert previews.search("nobody") == []
    assert previews.search("９") == []


def test_two_clients_are_compared_slot_by_slot(world, browser):
    careful, bold = world.client(1, risk_tolerance="cautious"), world.client(2, risk_tolerance="growth")
    campaign = world.campaign(parts=(("hello", True), ("plain", True), ("bold", False), ("read", True)))
    assert [one.places[1].words for one in of(campaign, [careful, bold])] == [
        "Here is what your plan does for you.",
        "Here is how to look further ahead with your plan.",
    ]

    answer = browser.get(reverse("campaign_preview", args=["guide"]) + f"?client={careful.pk}&client={bold.pk}")

    assert [label for label, _ in answer.context["compared"]] == ["Body"]


def test_three_clients_cost_as_many_queries_as_one(world, browser, django_assert_num_queries):
    clients = [world.client(number, risk_tolerance="cautious") for number in range(3)]
    world.campaign()
    address = reverse("campaign_preview", args=["guide"])
    browser.get(f"{address}?client={clients[0].pk}")
    with CaptureQueriesContext(connection) as seen:
        browser.get(f"{address}?client={clients[0].pk}")

    with django_assert_num_queries(len(seen)):
        browser.get(address + "?" + "&".join(f"client={one.pk}" for one in clients))
