"""A model that has expired or was taken out since a run was planned leaves the choice to rules; the row says so."""

from datetime import timedelta

import numpy as np
import pytest

from campaigns import choosing, plans
from compliance.models import Client, Staff
from personalize import features, fitting, training
from personalize.decide import score
from personalize.models import Artefact
from personalize.training import Examples
from tests.campaigns.world import World
from tests.models import declared, let_live
from tests.people import NOON

pytestmark = pytest.mark.django_db
PARTS = (("hello", True), ("hello-goal", False), ("calm", False), ("bold", False), ("plain", True), ("read", True))


@pytest.fixture
def live(world: World, officer: Staff) -> Artefact:
    """A live model that prefers nothing in particular but reads the client's risk tolerance."""
    features.ensure_core(NOON)
    rng = np.random.default_rng(3)
    place = {one.code: one.position for one in features.registry()}
    x = np.full((900, len(place)), np.nan, np.float32)
    x[:, place["risk_tolerance"]] = rng.integers(0, 3, 900)
    y = (rng.random(900) < score.probability(x[:, place["risk_tolerance"]] - 1.5)).astype(float)
    when = np.arange(900, dtype=np.int64) + 1_780_000_000
    given = Examples(x, (), (), np.zeros((900, 0), np.int16), y, np.ones(900), when)
    declared("onboarding", owner=world.marketer, by=officer)
    made = fitting.fit("onboarding", given, by="system:test", at=NOON - timedelta(days=2))
    return let_live(made, owner=world.marketer, officer=officer)


def decided(world: World, at):
    plan = plans.snapshot(world.campaign(parts=PARTS, use_case="onboarding"), at=world.at)
    ids = np.array([world.client(1, risk_tolerance="growth").pk], np.int64)
    return plan, choosing.decide(plan, ids, seed=5, at=at)


def test_while_in_force_it_decides(world: World, live: Artefact) -> None:
    plan, found = decided(world, world.at)

    assert plan["artefact"] == live.pk
    assert (found.artefact, found.policy) == (live.pk, plan["policy"])
    assert 0 < found.score[0] < 1


def test_an_expired_model_leaves_the_choice_to_rules(world: World, live: Artefact) -> None:
    plan, found = decided(world, live.expires_at)

    assert plan["artefact"] == live.pk
    assert (found.artefact, found.policy) == (None, "rules-1-expired")
    assert np.isnan(found.score).all()
    client = Client.objects.latest("pk")
    again = choosing.redraw(
        choosing.as_decided(plan, found.artefact), client.pk, seed=5, features=found.features[0],
        closed=found.closed[0],
    )  # fmt: skip
    assert again.chance.tolist() == found.slot_propensity[0].tolist()


def test_a_retired_model_leaves_the_choice_to_rules(world: World, live: Artefact, officer: Staff) -> None:
    training.retire(live.pk, by=officer, at=world.at)
    plan = {**plans.snapshot(world.campaign(parts=PARTS, use_case="onboarding"), at=world.at),
            "artefact": live.pk, "artefact_sha256": live.sha256, "policy": "igw-1"}  # fmt: skip
    ids = np.array([world.client(1, risk_tolerance="growth").pk], np.int64)

    found = choosing.decide(plan, ids, seed=5, at=world.at)

    assert (found.artefact, found.policy) == (None, "rules-1-retired")


def test_a_model_that_is_not_registered_is_refused(world: World, live: Artefact) -> None:
    plan = plans.snapshot(world.campaign(parts=PARTS, use_case="onboarding"), at=world.at)
    ids = np.array([world.client(1, risk_tolerance="growth").pk], np.int64)

    with pytest.raises(choosing.PlanMismatch):
        choosing.decide({**plan, "artefact": live.pk + 99}, ids, seed=5, at=world.at)
    with pytest.raises(choosing.PlanMismatch):
        choosing.decide({**plan, "artefact_sha256": "0" * 64}, ids, seed=5, at=world.at)

    assert choosing.decide(plan, ids, seed=5, at=world.at).artefact == live.pk
