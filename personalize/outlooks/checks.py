"""How far a use case has come, and how a model of it did on what came after it was trained. Light: pages read it."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from personalize import features, training
from personalize.decide import modeltext, score
from personalize.learn import calibration
from personalize.learn.calibration import SLOPE_WITHIN
from personalize.models import Artefact, Feature, OutlookCheck
from personalize.outlooks.cases import CASES, Case
from personalize.outlooks.matured import Matured, codes
from personalize.training import Readiness

LEAST_ROWS, LEAST_POSITIVES = 200, 20


@dataclass(frozen=True, slots=True)
class Standing:
    """A use case as a page shows it. checked  the newest look of all, None before the first; reads  what it reads"""

    case: Case
    readiness: Readiness
    checked: OutlookCheck | None
    reads: tuple[Feature, ...]
    live: Artefact | None


def standing(*, at: datetime) -> list[Standing]:
    """Every use case that scores clients, in their order."""
    newest = OutlookCheck.objects.filter(artefact=None).order_by("case", "-made_at", "-pk").distinct("case")
    found = {one.case: one for one in newest}
    read = set(codes())
    registry = tuple(one for one in features.registry() if one.code in read)
    told = []
    for case in CASES:
        checked = found.get(case.code)
        rows, positives = (checked.rows, checked.positives) if checked else (0, 0)
        ready = training.readiness(case.code, rows, positives)
        told.append(Standing(case, ready, checked, registry, training.live(case.code, at=at)))
    return told


def rule(case: Case, found: Matured, *, at: datetime) -> OutlookCheck:
    """Keep how much there is to learn from, and how well the rule tells it apart."""
    return OutlookCheck.objects.create(
        case=case.code, rows=len(found.y), positives=int(found.y.sum()), made_at=at,
        auc_rule=_of_rule(case, found),
    )  # fmt: skip


def judge(case: Case, artefact: Artefact, found: Matured, *, at: datetime) -> OutlookCheck:
    """Judge a model by looks that were taken after it was trained, beside the rule on the same; keep what came out."""
    later = found.since(artefact.trained_at)
    rows, positives = len(later.y), int(later.y.sum())
    auc = auc_rule = slope = None
    fault = ""
    if rows >= LEAST_ROWS and LEAST_POSITIVES <= positives <= rows - LEAST_POSITIVES:
        odds = modeltext.load(artefact.body, artefact.sha256).main(_whole(later))
        auc = calibration.auc(later.y, score.probability(odds))
        auc_rule = _of_rule(case, later)
        bent = calibration.slope(later.y, odds)
        slope = bent.value
        assert auc is not None
        assert auc_rule is not None
        if auc <= auc_rule:
            fault = f"It tells clients apart no better than the rule: AUC {auc:.3f}, the rule's {auc_rule:.3f}."
        elif not SLOPE_WITHIN[0] <= slope <= SLOPE_WITHIN[1] and not bent.low <= 1.0 <= bent.high:
            fault = f"Its probabilities are not to be believed: calibration slope {slope:.2f}."
    return OutlookCheck.objects.create(
        case=case.code, artefact=artefact, rows=rows, positives=positives, auc=auc, auc_rule=auc_rule, slope=slope,
        fault=fault, made_at=at,
    )  # fmt: skip


def newest(artefact: Artefact) -> OutlookCheck | None:
    """The last look at a model; None where nobody has looked yet."""
    return OutlookCheck.objects.filter(artefact=artefact).order_by("-made_at", "-pk").first()


def lacking(artefact: Artefact) -> str:
    """What must still come before a model on its way may go on, as a sentence; empty when nothing must."""
    found = newest(artefact)
    if found is None or found.auc is None:
        rows = found.rows if found else 0
        return (
            f"Its label has come for {rows:,} later looks; {LEAST_ROWS} with {LEAST_POSITIVES} of each are the least."
        )
    return found.fault


def _of_rule(case: Case, found: Matured) -> float | None:
    """How well the rule's points tell apart."""
    most = sum(one.points for one in case.rule)
    return calibration.auc(found.y, case.points(found.x, found.codes) / most) if len(found.y) else None


def _whole(found: Matured) -> np.ndarray:
    """The features by the registry's positions."""
    registry = features.registry()
    x = np.full((len(found.x), len(registry)), np.nan, np.float32)
    place = {one.code: one.position for one in registry}
    for column, code in enumerate(found.codes):
        x[:, place[code]] = found.x[:, column]
    return x
