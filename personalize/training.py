"""Models and their lives: what is registered, what is live, is there enough to learn from. Light: fits nothing."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Max

from compliance import ledger
from compliance.models import Staff
from personalize.decide import modeltext, snapshottext
from personalize.models import Artefact, Stage
from personalize.registry import steps

POOLED_ROWS, POOLED_POSITIVES = 500, 50
INDIVIDUAL_ROWS, INDIVIDUAL_POSITIVES = 5_000, 500
VALID_FOR = timedelta(days=365)


class NotReady(Exception):
    """There is too little to learn from, or the model may not go live. Nothing was written."""


class ForbiddenFeature(Exception):
    """The examples hold a feature that no model may read; its name is the message. Nothing was fitted."""


@dataclass(frozen=True, slots=True)
class Examples:
    """What happened after past choices, one row a message.

    x           (n, F)  float32  the features the decision saw, by registry position
    slots       (S,)             slot names in plan order
    candidates  (S,)             for each slot, the digests of the block versions that `choice` indexes
    choice      (n, S)  int16    index of the chosen candidate; -1 where the slot was unused
    y           (n,)    float    1.0 where the success metric was reached in time, else 0.0
    propensity  (n,)    float    probability of exactly this choice when it was made
    at          (n,)    int64    when the decision was made, epoch seconds
    codes       (F,)             feature codes of the columns; () means the registry's, in order
    feature_version              the version of the set
    client      (n,)    int64    whose row it is, for judging groups behind their wall; () where nobody says
    """

    x: np.ndarray
    slots: tuple[str, ...]
    candidates: tuple[tuple[str, ...], ...]
    choice: np.ndarray
    y: np.ndarray
    propensity: np.ndarray
    at: np.ndarray
    codes: tuple[str, ...] = ()
    feature_version: int = 0
    client: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True)
class Readiness:
    """How far a use case has come: rules, then one model for all (pooled), then one's own taste (individual).

    need_rows, need_positives  how many more matured rows and successes the next phase asks for; 0 at the last
    share                      the way to the next phase, in [0, 1]
    """

    use_case: str
    phase: str
    rows: int
    positives: int
    next_phase: str
    need_rows: int
    need_positives: int
    share: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model that was fitted but not registered yet: its text, how it works, and its card."""

    body: str
    method: str
    feature_version: int
    card: dict[str, Any] = field(default_factory=dict)


def readiness(use_case: str, rows: int, positives: int) -> Readiness:
    """Which phase `rows` matured messages with `positives` successes carry.

    Below 500 rows or 50 successes rules choose; below 5,000 or 500 a shrunk linear model; then the glass-box.
    Source of the second gate: learning curves of logistic regression and boosting cross between 2,000 and 5,000 rows.
    """
    if rows < POOLED_ROWS or positives < POOLED_POSITIVES:
        return _towards(use_case, "rules", "pooled", rows, positives, POOLED_ROWS, POOLED_POSITIVES)
    if rows < INDIVIDUAL_ROWS or positives < INDIVIDUAL_POSITIVES:
        return _towards(use_case, "pooled", "individual", rows, positives, INDIVIDUAL_ROWS, INDIVIDUAL_POSITIVES)
    return Readiness(use_case, "individual", rows, positives, "", 0, 0, 1.0)


def _towards(
    use_case: str, phase: str, following: str, rows: int, positives: int, all_rows: int, all_positives: int
) -> Readiness:
    share = min(rows / all_rows, positives / all_positives, 1.0)
    return Readiness(
        use_case, phase, rows, positives, following, max(all_rows - rows, 0), max(all_positives - positives, 0), share
    )


@transaction.atomic
def register(use_case: str, fitted: Fitted, *, by: str, at: datetime) -> Artefact:
    """Keep a fitted model as the next version of its use case, waiting: it decides nothing, not even in shadow.

    The same text again returns the row that exists. Raises score.BadModel when the text cannot be loaded.
    """
    digest = modeltext.sha256(fitted.body)
    (snapshottext if fitted.method == snapshottext.METHOD else modeltext).load(fitted.body, digest)
    found = Artefact.objects.filter(sha256=digest).first()
    if found is not None:
        return found
    newest = Artefact.objects.filter(use_case=use_case).aggregate(newest=Max("version"))["newest"] or 0
    made = Artefact.objects.create(
        use_case=use_case, version=newest + 1, method=fitted.method, stage=Stage.WAITING,
        feature_version=fitted.feature_version, body=fitted.body, sha256=digest, card=fitted.card, trained_by=by,
        trained_at=at, expires_at=at + VALID_FOR,
    )  # fmt: skip
    ledger.record(
        "model.registered", by=by, at=at, about=f"model:{made.pk}",
        facts={"use_case": use_case, "version": made.version, "sha256": digest, "method": made.method},
    )  # fmt: skip
    return made


@transaction.atomic
def retire(artefact_id: int, *, by: Staff | str, at: datetime) -> None:
    """Take a model out, wherever it stands; if it was live, rules choose. Raises NotReady when it stands nowhere."""
    wanted = list(Artefact.objects.select_for_update().filter(pk=artefact_id, stage__in=steps.STANDING))
    if not wanted:
        raise NotReady("This model is not live, nor on its way.")
    wanted[0].stage = Stage.RETIRED
    wanted[0].save(update_fields=["stage"])
    ledger.record("model.retired", by=by, at=at, about=f"model:{artefact_id}", facts={"sha256": wanted[0].sha256})


def live(use_case: str, *, at: datetime | None = None) -> Artefact | None:
    """The model that decides for a use case, or None: then rules choose. With `at`, an expired one is not live."""
    found = Artefact.objects.filter(use_case=use_case, stage=Stage.LIVE).first()
    if found is None or (at is not None and found.expires_at is not None and found.expires_at <= at):
        return None
    return found
