"""Fitting: examples in, a registered model with its card out. Heavy: only workers and commands import it."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from personalize import alternatives, cards, features, training
from personalize.decide import modeltext
from personalize.decide.design import probability
from personalize.decide.score import Model
from personalize.learn import forward, propensity
from personalize.learn.propensity import NothingToLearn, Trained
from personalize.learn.rows import Rows
from personalize.models import Artefact, Feature
from personalize.registry import uses
from personalize.training import Examples, Fitted, ForbiddenFeature, NotReady

SEED = 20_260_101


def fit(use_case: str, examples: Examples, *, by: str, at: datetime, root: str = "") -> Artefact:
    """Fit, judge and register a model; it waits until people let it take its steps.

    root  names what later models may follow this one by themselves; "": none may
    Raises ForbiddenFeature when the examples hold a feature that no model may read, and NotReady when they cannot
    teach anything yet. Nothing is registered then.
    """
    registry = features.registry()
    rows = _rows(examples, registry)
    clients, x = alternatives.people(seed=SEED, at=at)
    try:
        judged = judge(rows, examples.at)
        found = alternatives.search(rows, judged.trained, registry, clients=clients, x=x, seed=SEED)
        if found.taken != alternatives.USUAL:
            rows = alternatives.without(rows, found.taken.without)
            judged = judge(rows, examples.at, method=found.taken.method or None, penalty=found.taken.penalty)
    except NothingToLearn as why:
        raise NotReady(str(why)) from why
    trained, made = judged.trained, judged.card
    made |= _told(use_case, examples, rows, trained, made, registry, by=by, at=at)
    made["fairness"] |= {
        "search": found.facts(), "flips": alternatives.flips(trained.model, registry, x, seed=SEED),
        "within": alternatives.honest(examples.client, rows.y, probability(trained.held_out)),
    }  # fmt: skip
    if root:
        made["root"] = root
    fitted = Fitted(modeltext.dump(trained.model), trained.model.method, made["feature_version"], made)
    return training.register(use_case, fitted, by=by, at=at)


def _told(
    use_case: str,
    examples: Examples,
    rows: Rows,
    trained: Trained,
    made: dict[str, Any],
    registry: tuple[Feature, ...],
    *,
    by: str,
    at: datetime,
) -> dict[str, Any]:
    """What a card says besides measurements; what the use case's declaration does not say stays away and is missed."""
    read = [one for one in registry if one.code in made["features"]]
    declared, version = uses.said(use_case), examples.feature_version or features.version()
    purposes = sorted({str(one.purpose) for one in read})
    return {
        **declared,
        "legal": {**declared.get("legal", {}), "purposes": purposes},
        "use_case": use_case,
        "window": _window(examples.at),
        "purposes": purposes,
        "forbidden_checked": sorted(one.code for one in registry if one.sensitivity == Feature.Sensitivity.FORBIDDEN),
        "feature_version": version,
        "permitted_uses": list(uses.PERMITTED),
        "forbidden_uses": list(uses.FORBIDDEN),
        "identity": {"code": cards.code_sha256(), "data": _digest(rows), "seed": SEED, "features": version},
        "data": {
            "sources": [
                "decisions of this firm's campaigns and what came of them",
                "declared and seen client features",
            ],
            "window": _window(examples.at) or ["nobody said when"],
            "exclusions": ["holdout", "messages that did not arrive", "decisions that are not mature yet"],
            "consent_filter": "each feature is blank where the client withheld its purpose when it was decided",
            "sensitive": [one.code for one in read if one.sensitivity == Feature.Sensitivity.SENSITIVE]
            or ["none read"],
            "proxies": {one.code: one.proxy_of for one in read if one.proxy_risk != Feature.ProxyRisk.LOW},
            "lineage": f"feature set {version}; every value is on its decision",
        },
        "soundness": cards.SOUND[made["method"]],
        "alternatives": cards.challengers(rows, trained, seed=SEED),
        "by_group": made["groups"] or [{"group": "all", "n": made["rows"], "rate": made["base_rate"]}],
        "out_of_time": made["walk"] or {"why_not": "too few rows to walk through time"},
        "fairness": cards.fairness(made["groups"]),
        "oversight": "An officer lets it decide, retires it, and stops any run; rules choose at once when it is gone.",
        "monitoring": cards.MONITORING,
        "changes": [f"{at.date().isoformat()}: trained by {by} on {made['rows']:,} rows"],
        "retirement": "Retired by the next version, an officer, an alarm or its expiry; kept for replay ever after.",
        "incidents": {"reported": 0},
    }


def _digest(rows: Rows) -> str:
    """SHA-256 of what was learnt from, hex."""
    parts = (rows.x, rows.y) if rows.choice is None else (rows.x, rows.y, rows.choice)
    return hashlib.sha256(b"".join(np.ascontiguousarray(one).tobytes() for one in parts)).hexdigest()


@dataclass(frozen=True, slots=True)
class Judged:
    """A fitted model with the measured part of its card."""

    trained: Trained
    card: dict[str, Any]


def judge(
    rows: Rows,
    order: np.ndarray | None,
    *,
    method: str | None = None,
    penalty: float | None = None,
    monotone: tuple[tuple[str, int], ...] = (),
    seasonal: frozenset[str] = frozenset(),
    adapt: bool = True,
) -> Judged:
    """Fit and judge. Where time clearly changes what clients do, the newest rows count most, if `adapt` allows it.

    order     (n,) when each row happened; None where nobody knows
    seasonal  columns that tell the time of year: a model that lives with time does not read them
    Raises NothingToLearn.
    """
    trained = propensity.fit(rows, seed=SEED, method=method, monotone=monotone, penalty=penalty)
    walk, chosen = None, trained.model.method
    later = forward.unseasonal(rows, seasonal)
    if order is not None and len(np.unique(order)) > 1:
        walk = forward.walk(later, order, seed=SEED, method=chosen, penalty=trained.penalty, settings=trained.settings)
    made = cards.card(rows, trained, walk, seed=SEED)
    made["adapted"] = adapt and walk is not None and walk.adapts
    if made["adapted"]:
        assert walk is not None
        assert order is not None
        model = forward.newest(later, order, walk=walk, seed=SEED)
        trained = replace(trained, model=_with_candidates(model, trained.model), recalibrated=True)
        made |= {"method": "linear", "method_words": cards.METHODS["linear"], "recalibrated": True}
    return Judged(trained, made)


def _with_candidates(model: Model, former: Model) -> Model:
    """The model with what candidates are worth taken from `former`, for the features that both read."""
    starts = np.cumsum([0, *(one.width for one in former.inputs)])
    place = {one.column.code: range(starts[number], starts[number + 1]) for number, one in enumerate(former.inputs)}
    read = [column for one in model.inputs for column in place[one.column.code]]
    return replace(
        model, slots=former.slots, candidates=former.candidates, offsets=former.offsets,
        weights=tuple(weight[:, read] for weight in former.weights),
    )  # fmt: skip


def outcome_model(examples: Examples, of: np.ndarray) -> Model:
    """A linear model of the outcome with its candidates, on the rows `of` (n,) bool; for judging, never to go live."""
    try:
        return propensity.fit(_rows(examples, features.registry()).some(of), seed=SEED, method="linear").model
    except NothingToLearn as why:
        raise NotReady(str(why)) from why


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
        if why := features.refusal(code):
            raise ForbiddenFeature(f"{code} {why}")
        if code in known and known[code].sensitivity == Feature.Sensitivity.FORBIDDEN:
            raise ForbiddenFeature(f"{code} is forbidden in models")
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
