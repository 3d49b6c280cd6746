"""Watching live models between trainings: population drift and calibration, every day; what drifted leaves by itself.

Only glass-box models are watched here: a learned policy is renewed every night from what came back.
"""

from datetime import datetime, timedelta

import numpy as np
from django.db import transaction

from campaigns import examples
from campaigns.bulk import drift as bulk
from campaigns.examples import ALWAYS
from campaigns.models import Drift
from compliance import ledger
from personalize import features, training
from personalize.decide import modeltext
from personalize.decide.score import Model
from personalize.learn import calibration
from personalize.learn.calibration import SLOPE_WITHIN, Slope
from personalize.models import Artefact, Stage

BY = "system:watch"
LATELY = timedelta(days=28)
FEW, FEW_POSITIVES, MOST = 500, 50, 20_000
PSI_ABOVE = 0.25  # Siddiqi, Credit Risk Scorecards, 2006
NOT_ENOUGH, STEADY, MOVED, DRIFTED = "not_enough", "steady", "moved", "drifted"


def look(*, at: datetime) -> list[Drift]:
    """Look at every live glass-box model; one that drifted is retired, so that rules choose. What was found."""
    watched = Artefact.objects.filter(stage=Stage.LIVE, method__in=("linear", "tables")).order_by("pk")
    return [one(artefact, at=at) for artefact in watched]


@transaction.atomic
def one(artefact: Artefact, *, at: datetime) -> Drift:
    """Look at one live model, keep what was found, and retire it when it drifted."""
    model, since = modeltext.load(artefact.body, artefact.sha256), at - LATELY
    before = _seen(artefact, since=ALWAYS, until=artefact.trained_at)
    now = _seen(artefact, since=max(since, artefact.trained_at), until=at)
    enough = min(len(before), len(now)) >= FEW
    psi = calibration.psi(model.main(before), model.main(now)) if enough else None
    moved = _moved(model, before, now) if enough else []
    matured, slope = _slope(artefact, model, at=at)
    verdict, words = judged(psi, moved, slope)
    made = Drift.objects.create(
        artefact=artefact, since=since, made_at=at, before=len(before), now=len(now), score_psi=psi,
        features=[[code, value] for code, value in moved[:5]], matured=matured, slope=slope.value if slope else None,
        slope_low=slope.low if slope else None, slope_high=slope.high if slope else None, verdict=verdict, words=words,
    )  # fmt: skip
    facts = {"verdict": verdict, "psi": psi, "slope": made.slope, "words": words}
    ledger.record("model.watched", by=BY, at=at, about=f"model:{artefact.pk}", facts=facts)
    if verdict == DRIFTED:
        training.retire(artefact.pk, by=BY, at=at)
    return made


def newest(artefact_id: int) -> Drift | None:
    """The last look at a model; None where nobody has looked yet."""
    return Drift.objects.filter(artefact=artefact_id).order_by("-made_at", "-pk").first()


def judged(psi: float | None, moved: list[tuple[str, float]], slope: Slope | None) -> tuple[str, str]:
    """The verdict and why: a slope counts as out of range only where its interval leaves 1 out, too."""
    low, high = SLOPE_WITHIN
    said = []
    if psi is not None and psi > PSI_ABOVE:
        said.append(f"Its score is spread unlike before: stability index {psi:.2f}, at most {PSI_ABOVE}.")
    if slope is not None and not low <= slope.value <= high and not slope.low <= 1.0 <= slope.high:
        said.append(
            f"Its probabilities are no longer to be believed: calibration slope {slope.value:.2f}, which must lie "
            f"within {low} and {high}."
        )
    if said:
        return DRIFTED, " ".join(said)
    if far := [(code, value) for code, value in moved if value > PSI_ABOVE]:
        return MOVED, "Other clients than before, with the same scores: " + ", ".join(
            f"{code} {value:.2f}" for code, value in far[:5]
        )
    if psi is None and slope is None:
        return NOT_ENOUGH, f"Fewer than {FEW} decisions to compare."
    return STEADY, "Clients and what they do are as they were."


def _seen(artefact: Artefact, *, since: datetime, until: datetime) -> np.ndarray:
    """What decisions of the model's use case saw: (n, F) float32, as wide as the registry is now."""
    width = len(features.registry())
    x = np.full((0, width), np.nan, np.float32)
    vectors = bulk.seen(artefact.use_case, since=since, until=until, limit=MOST) if since < until else []
    if vectors:
        x = np.full((len(vectors), width), np.nan, np.float32)
        for row, vector in enumerate(vectors):
            values = np.frombuffer(vector, "<f4")[:width]
            x[row, : len(values)] = values
    return x


def _moved(model: Model, before: np.ndarray, now: np.ndarray) -> list[tuple[str, float]]:
    """(code, stability index) of every feature that the model reads, the largest first; "not known" is a value too."""
    found = [(one.column.code, calibration.psi(before[:, one.position], now[:, one.position])) for one in model.inputs]
    return sorted(found, key=lambda each: -each[1])


def _slope(artefact: Artefact, model: Model, *, at: datetime) -> tuple[int, Slope | None]:
    """How many decisions of the model itself have matured, and its calibration slope on them if there are enough."""
    log = examples.logged(artefact.use_case, at=at, since=artefact.approved_at or artefact.trained_at)
    mine = np.flatnonzero((log.artefact == artefact.pk) & log.drawn)
    found, y = log.examples, log.examples.y[mine]
    if len(mine) < FEW or not FEW_POSITIVES <= y.sum() <= len(y) - FEW_POSITIVES:
        return len(mine), None
    placed = model.aligned(found.slots, found.candidates)
    return len(mine), calibration.slope(y, placed.score(found.x[mine], found.choice[mine]))
