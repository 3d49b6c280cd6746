"""A less discriminatory model is searched for before a model may take a step; a proxy alone may not decide."""

from dataclasses import replace

import numpy as np
import pytest

from campaigns.trials import gate
from compliance import groups
from compliance.groups import Membership
from compliance.models import Client
from personalize import alternatives, features, fitting
from personalize.models import Feature, ModelStep, Profile
from personalize.registry import steps
from personalize.training import Examples
from tests.models import declared, signed
from tests.people import NOON
from tests.personalize.test_training import drawn

pytestmark = pytest.mark.django_db
N = 1_200


@pytest.fixture
def place(db, officer, marketer) -> dict[str, int]:
    features.ensure_core(NOON)
    declared("onboarding", owner=marketer, by=officer)
    return {one.code: one.position for one in features.registry()}


def people(place: dict[str, int], *, apart: float) -> None:
    """Clients of two groups; one has, with this probability more, invested before."""
    rng = np.random.default_rng(1)
    made = Client.objects.bulk_create([Client(user_id=f"a{one}", first_seen_at=NOON) for one in range(N)])
    mine = np.arange(N) % 2
    x = np.full((N, len(place)), np.nan, np.float32)
    x[:, place["risk_tolerance"]] = rng.integers(0, 3, N)
    x[:, place["horizon_years"]] = rng.uniform(0, 30, N)
    shift = np.where(rng.random(N) < apart, 2 * mine - 1, 0)
    x[:, place["experience"]] = np.clip(rng.integers(0, 3, N) + 2 * shift, 0, 2)
    Profile.objects.bulk_create(
        [Profile(client=one, vector=x[row].tobytes(), version=features.version(), refreshed_at=NOON)
         for row, one in enumerate(made)]
    )  # fmt: skip
    groups.put(
        [Membership(one.pk, "sex", "ab"[mine[row]], 1.0, "audit", None) for row, one in enumerate(made)],
        source="test", at=NOON,
    )  # fmt: skip


def log(place: dict[str, int], *, by_experience: float) -> Examples:
    """What comes is told by risk tolerance, and by experience only so much."""
    given, rng = drawn(2_000), np.random.default_rng(2)
    given.x[:, place["experience"]] = rng.integers(0, 3, 2_000)
    given.x[:, place["dashboard_30d"]] = np.nan
    given.x[:, place["horizon_years"]] = rng.uniform(0, 30, 2_000)
    z = (
        -1
        + 0.1 * (given.x[:, place["horizon_years"]] - 15)
        + (given.x[:, place["risk_tolerance"]] - 1)
        + by_experience * (given.x[:, place["experience"]] - 1)
    )
    return replace(given, y=(rng.random(len(z)) < 1 / (1 + np.exp(-z))).astype(float))


def test_the_fairest_model_as_accurate_as_chance_can_tell_is_taken_and_all_that_was_tried_is_kept(place):
    people(place, apart=0.8)

    made = fitting.fit("onboarding", log(place, by_experience=0.1), by="system:test", at=NOON)

    found = made.card["fairness"]["search"]
    tried = {one["way"]: one for one in found["tried"]}
    assert (found["searched"], found["taken"]) == (True, "without experience")
    assert "experience" not in made.card["features"]
    assert tried["this model"]["ratio"] < 0.8 < tried["without experience"]["ratio"]
    assert tried["without experience"]["auc"] >= found["least_auc"]
    assert tried["this model"]["verdict"] == "fail"
    assert {one["way"] for one in found["tried"]} >= {"shrunk 4 times as much", "without risk_tolerance"}
    frontier = [one for one in found["tried"] if one["on_frontier"]]
    assert frontier
    assert not any(
        other["auc"] > one["auc"] and other["ratio"] > one["ratio"] for one in frontier for other in found["tried"]
    )


def test_accuracy_outside_the_band_is_not_given(place):
    people(place, apart=0.8)

    made = fitting.fit("onboarding", log(place, by_experience=1.2), by="system:test", at=NOON)

    assert made.card["fairness"]["search"]["taken"] != "without experience"
    assert "experience" in made.card["features"]


def test_groups_that_are_alike_leave_the_model_as_it_is_and_unknown_ones_are_said_to_be_so(place):
    alone = fitting.fit("onboarding", log(place, by_experience=0.5), by="system:test", at=NOON)
    people(place, apart=0.0)

    alike = fitting.fit("onboarding", log(place, by_experience=0.55), by="system:test", at=NOON)

    assert alone.card["fairness"]["search"]["searched"] is False
    assert "No client's group" in alone.card["fairness"]["search"]["why"]
    assert alike.card["fairness"]["search"]["taken"] == alternatives.USUAL.name
    assert "experience" in alike.card["features"]


@pytest.mark.parametrize(("by_experience", "refused"), [(1.2, True), (0.0, False)])
def test_a_proxy_that_decides_alone_keeps_a_model_from_every_step(place, officer, marketer, by_experience, refused):
    people(place, apart=0.0)
    Feature.objects.filter(code="experience").update(proxy_risk="medium", proxy_of="age")
    features._registry.cache_clear()
    made = fitting.fit("onboarding", log(place, by_experience=by_experience), by="system:test", at=NOON)
    made = signed(made, owner=marketer, officer=officer, at=NOON)

    (flip,) = made.card["fairness"]["flips"]

    assert (flip["feature"], flip["verdict"] == "fail") == ("experience", refused)
    if refused:
        with pytest.raises(steps.CannotStep, match="experience"):
            gate.ask(made.pk, by=marketer, at=NOON)
    else:
        gate.ask(made.pk, by=marketer, at=NOON)
    assert ModelStep.objects.count() == int(not refused)
