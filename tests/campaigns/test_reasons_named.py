"""An explanation names only what changed the choice: take the factor away, and the choice becomes less likely."""

from datetime import timedelta

import numpy as np
import pytest
from django.test import Client as Browser

from campaigns import choosing, explanations, plans, runs, traces
from campaigns.choosing.beside import beside
from campaigns.models import Message, Run
from compliance import consent, wordings
from compliance.models import Channel, Client, Purpose, Staff
from personalize import features, fitting, profiles, training
from personalize.decide import modeltext
from personalize.models import Attribute, Profile
from personalize.training import Examples, Fitted
from tests.campaigns.decided import said
from tests.campaigns.world import World
from tests.models import declared, let_live
from tests.people import NOON

pytestmark = pytest.mark.django_db
PARTS = (("hello", True), ("calm", False), ("plain", True), ("read", True))
READ = ("risk_tolerance", "goal", "experience")


def plan_of(world: World, officer: Staff) -> dict:
    """Of two bodies a model prefers one or the other by risk tolerance and goal, also where these are not known."""
    campaign = world.campaign(parts=PARTS)
    place = {one.code: one.position for one in features.registry()}
    second = world.block("second", slot="body", body="A second way to say it, as calm as the first.")
    plans.add_candidate(campaign, second, by=world.marketer, at=world.at)
    slots = plans.snapshot(campaign, at=world.at)["slots"]
    digests = tuple(tuple(one["digest"] for one in slot["candidates"]) for slot in slots)
    rng, n = np.random.default_rng(3), 4_000
    choice = np.stack([rng.integers(0, len(one), n) for one in digests], axis=1).astype(np.int16)
    x = np.full((n, len(place)), np.nan, np.float32)
    for code in READ:
        x[:, place[code]] = np.where(rng.random(n) < 0.3, np.nan, rng.integers(0, 3, n))
    risk, goal = x[:, place["risk_tolerance"]], x[:, place["goal"]]
    taste = np.where(np.isnan(risk), 1.2, risk - 1) + np.where(np.isnan(goal), -0.8, 0.8 * (goal - 1))
    y = (rng.random(n) < 1 / (1 + np.exp(-np.where(choice[:, 1] == 0, taste, -taste)))).astype(float)
    given = Examples(x, tuple(one["slot"] for one in slots), digests, choice, y, np.ones(n),
                     np.arange(n, dtype=np.int64) + 1_780_000_000)  # fmt: skip
    declared("onboarding", owner=world.marketer, by=officer)
    text = modeltext.dump(fitting.outcome_model(given, np.ones(n, bool)))
    made = training.register(
        "onboarding", Fitted(text, "linear", features.version(), said()), by="system:test", at=NOON - timedelta(days=2)
    )
    let_live(made, owner=world.marketer, officer=officer)
    return {**plans.snapshot(campaign, at=world.at), "gamma": 20.0}


def told(world: World, n: int) -> np.ndarray:
    """Clients of whom some told us this, some that."""
    rng = np.random.default_rng(5)
    people = Client.objects.bulk_create(
        [Client(user_id=f"r{number}", first_seen_at=world.at - timedelta(days=9)) for number in range(n)]
    )
    answers = {"risk_tolerance": ("cautious", "balanced", "growth"), "goal": ("retirement", "growth", "income"),
               "experience": ("new", "some", "experienced")}  # fmt: skip
    Attribute.objects.bulk_create(
        [Attribute(client=one, key=key, origin="declared", source="test", at=world.at, value=values[rng.integers(3)])
         for one in people for key, values in answers.items() if rng.random() < 0.7]
    )  # fmt: skip
    profiles.refresh(at=world.at)
    return np.array([one.pk for one in people])


def test_t35_whatever_is_named_made_the_choice_likelier(world: World, officer: Staff):
    plan, ids = plan_of(world, officer), told(world, 200)
    found = choosing.decide(plan, ids, seed=5, at=world.at)
    assert found.artefact is not None

    def likely(x: np.ndarray) -> np.ndarray:
        return beside(plan, ids, found.choice.astype(np.intp), seed=5, x=x, own=found.own, closed=found.closed).likely

    before, registry = likely(found.features), features.registry()
    assert before == pytest.approx(found.propensity, rel=1e-12)
    named = np.zeros(found.features.shape, bool)
    for row, positions in enumerate(found.reasons.tolist()):
        named[row, [one for one in positions if one >= 0]] = True
    assert named.any(axis=1).sum() > 100
    assert not named[np.isnan(found.features)].any()
    for one in registry:
        without = found.features.copy()
        without[:, one.position] = np.nan
        lost = before - likely(without)
        mine = named[:, one.position]
        assert (lost[mine] > 0).all(), one.code


def test_n19_what_the_client_withheld_is_blank_and_the_decision_says_so(
    world: World, officer: Staff, client: Browser
) -> None:
    campaign = world.campaign(parts=PARTS)
    mine, theirs = world.client(1, risk_tolerance="growth"), world.client(2, risk_tolerance="growth")
    asked = {"purpose": Purpose.PROFILING, "channel": Channel.ANY, "surface": "portal"}
    yes = {"wording": wordings.version(Purpose.PROFILING, Channel.ANY), "mechanism": "checkbox"}
    for who in (mine, theirs):
        consent.grant(who.pk, **asked, **yes, by=f"client:{who.pk}",
                      at=world.at - timedelta(days=3))  # fmt: skip
    consent.withdraw(mine.pk, **asked, mechanism="button", by=f"client:{mine.pk}", at=world.at - timedelta(days=1))
    profiles.refresh(at=world.at)
    assert Profile.objects.count() == 2
    run = runs.launch(campaign, by=world.marketer, at=world.at)
    runs.assemble(run.chunks.get().pk, at=world.at)
    # what is said later changes nothing about what the decision could read
    consent.grant(mine.pk, **asked, **yes, by=f"client:{mine.pk}",
                  at=world.at + timedelta(days=1))  # fmt: skip

    withheld = explanations.withheld(Message.objects.get(client=mine))
    kept = explanations.withheld(Message.objects.get(client=theirs))

    seen_only = [one.code for one in features.registry() if one.purpose == Purpose.PROFILING]
    assert [(one.purpose, [each.code for each in one.features]) for one in withheld if one.purpose == "profiling"] == [
        (Purpose.PROFILING, seen_only)
    ]
    assert [one for one in kept if one.purpose == "profiling"] == []
    titles = [one.title for one in traces.steps(Message.objects.get(client=mine), at=world.at)]
    assert "Not read" in titles
    client.force_login(officer, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(f"/console/messages/{Message.objects.get(client=mine).pk}/").content.decode()
    assert "The client had not allowed this purpose then" in page
    assert Run.objects.count() == 1
