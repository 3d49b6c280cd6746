"""Live models are watched: steady ones stay, drifted ones leave by themselves and rules choose."""

from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest
from django.test import Client as Browser

from campaigns import drift
from campaigns.models import Drift, Message, Run
from compliance.models import LedgerEntry, Staff
from personalize import features, training
from personalize.learn import calibration
from personalize.learn.calibration import Slope
from personalize.models import Artefact
from tests.people import NOON

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("psi", "moved", "slope", "verdict"),
    [
        (None, [], None, "not_enough"),
        (0.25, [("age", 0.1)], Slope(1.1, 0.9, 1.3), "steady"),
        (0.1, [("age", 0.3)], None, "moved"),
        (0.26, [], None, "drifted"),
        (0.1, [], Slope(0.6, 0.4, 0.8), "drifted"),
        (0.1, [], Slope(0.6, 0.1, 1.1), "steady"),
        (None, [], Slope(1.5, 1.3, 1.7), "drifted"),
    ],
)
def test_what_counts_as_drift(psi, moved, slope, verdict):
    assert drift.judged(psi, moved, slope)[0] == verdict


def test_a_slope_and_its_interval_hold_the_truth():
    rng, held = np.random.default_rng(2), 0
    for _ in range(100):
        z = rng.normal(-1, 1, 1_000)
        y = (rng.random(1_000) < 1 / (1 + np.exp(-0.7 * z))).astype(float)
        found = calibration.slope(y, z)
        held += found.low <= 0.7 <= found.high

    assert held >= 88


def seen(run: Run, tolerance: list[float], *, at) -> None:
    """Decisions whose features are unknown but for risk tolerance."""
    place = {one.code: one.position for one in features.registry()}
    client = Message.objects.filter(run=run).first().client_id
    x = np.full((len(tolerance), len(place)), np.nan, np.float32)
    x[:, place["risk_tolerance"]] = tolerance
    Message.objects.bulk_create(
        [
            Message(id=uuid4(), run=run, campaign=run.campaign, client_id=client, channel="web", arm="personalised",
                    state="shown", policy="rules-1", decided_at=at, due_at=at, features=row.tobytes())
            for row in x
        ]
    )  # fmt: skip


def test_a_model_that_drifted_is_retired_and_a_steady_one_stays(
    decided: Run,
    marketer: Staff,
    client: Browser,
) -> None:
    live = Artefact.objects.get()
    even = [0.0, 1.0, 2.0] * 300
    seen(decided, even, at=live.trained_at - timedelta(days=2))
    Message.objects.filter(run=decided, channel="email").update(decided_at=live.trained_at - timedelta(days=300))
    Message.objects.filter(run=decided, channel="email").update(features=b"")
    client.force_login(marketer)
    assert "it is looked at every day" in client.get(f"/console/models/{live.pk}/").content.decode()

    few = drift.look(at=NOON)
    seen(decided, even, at=live.trained_at + timedelta(days=1))
    steady = drift.look(at=NOON)

    assert [one.verdict for one in (*few, *steady)] == ["not_enough", "steady"]
    assert steady[0].score_psi < 0.01
    assert training.live("onboarding") == live
    later = NOON + timedelta(days=40)
    seen(decided, [2.0] * 900, at=later - timedelta(days=3))

    gone = drift.look(at=later)

    assert [one.verdict for one in gone] == ["drifted"]
    assert gone[0].features[0][0] == "risk_tolerance"
    assert gone[0].score_psi > 0.25
    assert training.live("onboarding") is None
    assert drift.look(at=later) == []
    assert Drift.objects.count() == 3
    assert LedgerEntry.objects.filter(kind="model.retired").count() == 1
    page = client.get(f"/console/models/{live.pk}/").content.decode()
    assert "Drifted" in page
    assert "stability index" in page
    assert "personalize_models_drifted" in client.get("/metrics").content.decode()
