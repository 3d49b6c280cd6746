"""Fitting: examples in, a registered model with its card out. Heavy: only workers and commands import it."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np

from personalize import features, training
from personalize.decide import score
from personalize.decide.score import Model
from personalize.learn import calibration, propensity
from personalize.learn.propensity import NothingToLearn, Rows, Trained
from personalize.models import Artefact, Feature
from personalize.training import Examples, Fitted, ForbiddenFeature, NotReady

SEED = 20_260_101
CLEAR_AUC = 0.505  # below it a model cannot rank, and rules are better


def fit(use_case: str, examples: Examples, *, by: str, at: datetime) -> Artefact:
    """Fit, judge and register a model; it stays in shadow until a person lets it go live.

    Raises ForbiddenFeature when the examples hold a feature that no model may read, and NotReady when they cannot
    teach anything yet. Nothing is registered then.
    """
    registry = features.registry()
    rows = _rows(examples, registry)
    try:
        trained = propensity.fit(rows, seed=SEED)
    except NothingToLearn as why:
        raise NotReady(str(why)) from why
    made = card(rows, trained, order=examples.at)
    made |= {
        "use_case": use_case,
        "window": _window(examples.at),
        "purposes": sorted({one.purpose for one in registry if one.code in made["features"]}),
        "forbidden_checked": sorted(one.code for one in registry if one.sensitivity == Feature.Sensitivity.FORBIDDEN),
        "feature_version": examples.feature_version or features.version(),
        "permitted_uses": ["choosing among approved texts", "timing and frequency under the client's own limits"],
        "forbidden_uses": ["eligibility", "pricing", "advice", "anything with a legal effect on the client"],
    }
    fitted = Fitted(score.dump(trained.model), trained.model.method, made["feature_version"], made)
    return training.register(use_case, fitted, by=by, at=at)


def outcome_model(examples: Examples, of: np.ndarray) -> Model:
    """A linear model of the outcome with its candidates, on the rows `of` (n,) bool; for judging, never to go live."""
    try:
        return propensity.fit(_rows(examples, features.registry()).some(of), seed=SEED, method="linear").model
    except NothingToLearn as why:
        raise NotReady(str(why)) from why


def card(rows: Rows, trained: Trained, *, order: np.ndarray | None) -> dict[str, Any]:
    """What a person must know before letting the model decide; every score is of rows the model had not seen.

    order  (n,) when each row happened, for the score forward in time; None where nobody knows
    """
    p = score.probability(trained.held_out)
    found = calibration.scores(rows.y, p)
    later = None
    if order is not None and len(np.unique(order)) > 1:
        later = propensity.forward(rows, order, seed=SEED, method=trained.model.method, penalty=trained.penalty)
    after = calibration.scores(*later) if later is not None else None
    return {
        "rows": found.n,
        "positives": found.positives,
        "base_rate": found.base,
        "method": trained.model.method,
        "method_words": METHODS[trained.model.method],
        "auc": found.auc,
        "log_loss": found.log_loss,
        "brier": found.brier,
        "ece": found.ece,
        "lift": found.lift,
        "forward_auc": after.auc if after else None,
        "forward_ece": after.ece if after else None,
        "forward_log_loss": after.log_loss if after else None,
        "reliability": [asdict(one) for one in calibration.reliability(rows.y, p)],
        "recalibrated": trained.recalibrated,
        "features": [one.column.code for one in trained.model.inputs],
        "importance": [
            {"name": name, "weight": weight} for name, weight in propensity.importance(trained.model, rows.x)[:40]
        ],
        "candidates": sum(len(one) for one in trained.model.candidates),
        "seed": SEED,
        "limitations": _limits(found, after),
    }


METHODS = {
    "linear": "Logistic regression with shrinkage: every feature has one weight, or one for each answer.",
    "tables": "Sum of small tables of one or two features each, grown by boosting and written out exactly.",
}


def _rows(examples: Examples, registry: tuple[Feature, ...]) -> Rows:
    _refuse_forbidden(registry, examples.codes)
    read = tuple(registry[position] for position in features.usable(registry))
    return Rows(
        x=_by_position(examples, registry),
        y=np.asarray(examples.y, np.float64),
        columns=features.columns(read),
        positions=tuple(one.position for one in read),
        choice=examples.choice if examples.slots else None,
        slots=examples.slots,
        candidates=examples.candidates,
    )


def _refuse_forbidden(registry: tuple[Feature, ...], codes: tuple[str, ...]) -> None:
    """Raise ForbiddenFeature when examples that name their features hold one that no model may read."""
    known = {one.code: one for one in registry}
    for code in codes:
        if code in features.PROTECTED or (code in known and known[code].sensitivity == Feature.Sensitivity.FORBIDDEN):
            raise ForbiddenFeature(code)
        if code not in known:
            raise ForbiddenFeature(f"{code} is not in the registry")


def _by_position(examples: Examples, registry: tuple[Feature, ...]) -> np.ndarray:
    """x with its columns in registry order; whole vectors are so already, features that are not given are NaN."""
    if not examples.codes:
        return examples.x
    x = np.full((len(examples.x), len(registry)), np.nan, np.float32)
    place = {one.code: one.position for one in registry}
    for column, code in enumerate(examples.codes):
        x[:, place[code]] = examples.x[:, column]
    return x


def _window(at: np.ndarray) -> list[str]:
    """First and last day of the examples."""
    if len(at) == 0:
        return []
    return [datetime.fromtimestamp(int(one), UTC).date().isoformat() for one in (at.min(), at.max())]


def _limits(found: calibration.Scores, after: calibration.Scores | None) -> list[str]:
    """What the numbers say against the model, in words."""
    said = []
    if found.auc is None or found.auc < CLEAR_AUC:
        said.append("It cannot tell clients apart: its ranking is no better than chance.")
    if after is not None and after.auc is not None and found.auc is not None and after.auc < found.auc - 0.05:
        said.append(
            f"It ages: on later rows it ranks with {after.auc:.3f} where shuffled rows promise {found.auc:.3f}. "
            "Train it again often."
        )
    if after is not None and after.ece > 0.05:
        said.append(f"On later rows its probabilities are off by {after.ece:.3f} on average.")
    if found.positives < training.INDIVIDUAL_POSITIVES:
        said.append(f"Only {found.positives} successes: intervals are wide.")
    return said
