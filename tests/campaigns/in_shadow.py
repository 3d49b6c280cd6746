"""A model that decides beside, the same in every test of fairness."""

import numpy as np
import pytest

from compliance.models import Staff
from personalize import features, fitting
from personalize.decide import score
from personalize.models import Artefact
from personalize.registry import signing
from personalize.training import Examples
from tests.campaigns.world import World
from tests.models import declared


@pytest.fixture
def shadow(world: World, officer: Staff) -> Artefact:
    """A model in shadow that reads risk tolerance; signed, so that only fairness can keep it there."""
    rng = np.random.default_rng(3)
    place = {one.code: one.position for one in features.registry()}
    x = np.full((900, len(place)), np.nan, np.float32)
    x[:, place["risk_tolerance"]] = rng.integers(0, 3, 900)
    y = (rng.random(900) < score.probability(x[:, place["risk_tolerance"]] - 1.5)).astype(float)
    given = Examples(x, (), (), np.zeros((900, 0), np.int16), y, np.ones(900), np.arange(900) + 1_780_000_000)
    declared("onboarding", owner=world.marketer, by=officer)
    made = fitting.fit("onboarding", given, by="system:test", at=world.at)
    signing.own(made.pk, by=world.marketer, at=world.at)
    signing.validate(made.pk, findings="Nothing open.", by=officer, at=world.at)
    return made
