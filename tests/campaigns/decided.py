"""A run that a model decided, with what came of it, the same in every test."""

from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest

from campaigns import choosing, plans
from campaigns.models import Message, Run
from compliance.models import Client, Staff
from personalize import features, fitting, training
from personalize.decide import modeltext
from personalize.models import Attribute, Outcome
from personalize.registry import fields
from personalize.training import Examples, Fitted
from tests.campaigns.world import World
from tests.models import declared, let_live
from tests.people import NOON


def said() -> dict:
    """A card that says everything in a word."""
    card: dict = {"rows": 900, "positives": 300}
    for path in fields.FIELDS:
        parent, _, name = path.rpartition(".")
        (card.setdefault(parent, {}) if parent else card)[name] = "said"
    return {**card, "reliability": [{"predicted": 0.3, "observed": 0.3, "n": 900}], "ece": 0.01, "auc": 0.6}


@pytest.fixture
def decided(world: World, officer: Staff) -> Run:
    """A run of 400 clients decided by a model that prefers one of three bodies, with what came of it."""
    campaign = world.campaign()
    place = {one.code: one.position for one in features.registry()}
    slots = plans.snapshot(campaign, at=world.at)["slots"]
    digests = tuple(tuple(one["digest"] for one in slot["candidates"]) for slot in slots)
    rng = np.random.default_rng(3)
    choice = np.stack([rng.integers(0, len(one), 900) for one in digests], axis=1).astype(np.int16)
    x = np.full((900, len(place)), np.nan, np.float32)
    x[:, place["risk_tolerance"]] = rng.integers(0, 3, 900)
    y = (rng.random(900) < np.array([0.2, 0.5, 0.35])[choice[:, 1]]).astype(float)
    names = tuple(slot["slot"] for slot in slots)
    given = Examples(x, names, digests, choice, y, np.ones(900), np.arange(900, dtype=np.int64) + 1_780_000_000)
    declared("onboarding", owner=world.marketer, by=officer)
    text = modeltext.dump(fitting.outcome_model(given, np.ones(900, bool)))
    made = training.register(
        "onboarding", Fitted(text, "linear", features.version(), said()), by="system:test", at=NOON - timedelta(days=2)
    )
    let_live(made, owner=world.marketer, officer=officer)
    plan = {**plans.snapshot(campaign, at=world.at), "gamma": 30.0}
    run = Run.objects.create(
        campaign=campaign, number=1, seed=11, plan=plan, policy="igw-1", phase="pooled", audience=400,
        launched_by=world.marketer, launched_at=world.at,
    )  # fmt: skip
    people = Client.objects.bulk_create(
        [Client(user_id=f"d{n}", first_seen_at=world.at - timedelta(days=9)) for n in range(400)]
    )
    ids = np.array([one.pk for one in people])
    Attribute.objects.bulk_create(
        [Attribute(client_id=int(one), key="risk_tolerance", origin="declared", source="test", at=world.at,
                   value="growth") for one in ids]
    )  # fmt: skip
    found = choosing.decide(plan, ids, seed=run.seed, at=world.at)
    assert len(np.unique(found.propensity.round(6))) > 1
    Message.objects.bulk_create(
        [
            Message(
                id=uuid4(), run=run, campaign=campaign, client_id=int(one), channel="email", arm="personalised",
                state="sent", intent_at=world.at, sent_at=world.at, decided_at=world.at, due_at=world.at,
                choice=found.choice[n].tolist(), closed=found.closed[n].tobytes(), policy=found.policy,
                propensity=float(found.propensity[n]), slot_propensity=found.slot_propensity[n].tolist(),
                artefact_id=found.artefact, features=found.features[n].tobytes(),
            )
            for n, one in enumerate(ids)
        ]
    )  # fmt: skip
    Outcome.objects.bulk_create(
        [Outcome(client_id=int(one), kind="Module Completed", value=1.0, at=world.at + timedelta(days=1))
         for one in ids[rng.random(400) < 0.3]]
    )  # fmt: skip
    return run
