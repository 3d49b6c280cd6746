"""How likely is each client to act: the right kind of model for the rows there are, judged on rows it did not see."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from personalize.decide import score
from personalize.decide.design import design
from personalize.decide.score import Curve, Model
from personalize.learn import calibration, linear, slots, tables, tuning
from personalize.learn.rows import Rows, folds, inputs_of
from personalize.learn.tables import Settings

ENOUGH_ROWS, ENOUGH_EACH = 5_000, 500  # below: linear; see decisions on learning curves
PENALTIES = (1.0, 10.0, 100.0, 1_000.0)
TUNING_ROWS = 20_000
FOLD_ROWS, MOST_ROWS = 100_000, 400_000  # trees grow on at most so many rows; more of the same teach nothing new
KNOTS, KNOTS_WITHIN, LEAST_SLOPE = 8, (0.01, 0.99), 0.2  # of the line that makes tables' log-odds honest
SEEDS = 3  # fits of different random columns that the final tables are the mean of


class NothingToLearn(Exception):
    """The rows cannot teach anything: too few, or all with the same outcome. Nothing was fitted."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A model, and the log-odds that models fitted without a row's fold gave to that row.

    penalty   the ridge that held-out log-loss chose, for "linear"
    settings  how the trees grew, for "tables"; held-out log-loss chose them
    """

    model: Model
    held_out: np.ndarray
    recalibrated: bool
    penalty: float
    settings: Settings | None = None


def method_for(y: np.ndarray) -> str:
    """ "tables" where there are at least 5,000 rows and 500 of each outcome, else "linear"."""
    positives = int(y.sum())
    enough = len(y) >= ENOUGH_ROWS and min(positives, len(y) - positives) >= ENOUGH_EACH
    return "tables" if enough else "linear"


def fit(
    rows: Rows,
    *,
    seed: int,
    method: str | None = None,
    settings: Settings | None = None,
    monotone: tuple[tuple[str, int], ...] = (),
    penalty: float | None = None,
) -> Trained:
    """Fit, hold out each fifth once, and recalibrate where held-out log-loss says so.

    penalty   of a "linear" model; None: the one with the smallest held-out log-loss
    monotone  (feature code, 1 or -1): the score may only rise, or only fall, with it; where law or sense asks. Only
              for "tables": see `tables.Settings`
    Raises NothingToLearn below 20 rows or 2 of each outcome.
    """
    positives = int(rows.y.sum())
    if len(rows.y) < 20 or min(positives, len(rows.y) - positives) < 2:
        raise NothingToLearn(f"{len(rows.y)} rows with {positives} successes are too few")
    if not inputs_of(rows):
        raise NothingToLearn("no column varies: there is nothing to tell rows apart by")
    method = method or method_for(rows.y)
    if method == "tables":
        settings = settings or tuning.tuned(rows, seed=seed, monotone=monotone)
    if method != "linear":
        penalty = 0.0
    elif penalty is None:
        penalty = _tuned(rows, seed)
    held_out = np.empty(len(rows.y))
    for number, test in enumerate(folds(rows.y, seed)):
        train = np.ones(len(rows.y), bool)
        train[test] = False
        part = rows.some(train)
        held_out[test] = main(part, method, penalty, settings, seed + number).main(rows.x[test])
    whole = replace(settings, seeds=SEEDS, most_rows=MOST_ROWS) if settings else None
    model = main(rows, method, penalty, whole, seed)
    model, held_out, changed = _honest(model, rows.y, held_out, seed)
    if rows.choice is not None:
        model, held_out = slots.fitted(model, rows, held_out, seed)
    return Trained(model, held_out, changed, penalty, settings)


def main(rows: Rows, method: str, penalty: float, settings: Settings | None, seed: int) -> Model:
    """One model of all these rows, as it comes: nothing held out, nothing recalibrated, no candidates."""
    inputs = inputs_of(rows)
    if method == "tables":
        return tables.fitted(inputs, rows.x, rows.y, settings=settings or Settings(most_rows=FOLD_ROWS), seed=seed)
    width = sum(one.width for one in inputs)
    found = linear.fit(lambda at: design(inputs, rows.x[at]), rows.y, np.full(width, penalty), count=rows.weight)
    return Model("linear", found.intercept, inputs, found.weight, (), (), (), (), ())


def stretched(model: Model, slope: float, intercept: float) -> Model:
    """The model whose main log-odds are slope times these plus intercept; every part keeps its share."""
    terms = tuple(replace(term, values=slope * term.values) for term in model.terms)
    curve = replace(model.curve, knots=slope * model.curve.knots)
    return replace(model, base=slope * model.base + intercept, weight=slope * model.weight, terms=terms, curve=curve)


def _tuned(rows: Rows, seed: int) -> float:
    """The penalty with the smallest held-out log-loss."""
    if len(rows.y) > TUNING_ROWS:
        rows = rows.some(np.random.default_rng(seed).permutation(len(rows.y))[:TUNING_ROWS])
    losses = []
    for penalty in PENALTIES:
        p = np.empty(len(rows.y))
        for test in folds(rows.y, seed):
            train = np.ones(len(p), bool)
            train[test] = False
            p[test] = main(rows.some(train), "linear", penalty, None, seed).probability(rows.x[test])
        losses.append(calibration.log_loss(rows.y, p))
    return PENALTIES[int(np.argmin(losses))]


def _honest(model: Model, y: np.ndarray, held_out: np.ndarray, seed: int) -> tuple[Model, np.ndarray, bool]:
    """The model with its log-odds bent as held-out rows ask, if that helps rows held out of the bending too.

    A straight line where few rows speak, or where a bent one would not rise.
    """
    before = calibration.log_loss(y, score.probability(held_out))
    low, high = np.quantile(held_out, KNOTS_WITHIN)
    bent = [np.linspace(low, high, KNOTS)] if model.method == "tables" else []
    for knots in (*bent, np.zeros(0)):
        line = calibration.bent(y, held_out, knots)
        if (line[0] + np.cumsum([0.0, *line[2:]]) < LEAST_SLOPE).any():
            continue
        tried = np.empty_like(held_out)
        for test in folds(y, seed + 1):
            train = np.ones(len(y), bool)
            train[test] = False
            tried[test] = _along(calibration.bent(y[train], held_out[train], knots), knots, held_out[test])
        if calibration.log_loss(y, score.probability(tried)) <= before - 1e-4:
            return _curved(model, line, knots), tried, True
    return model, held_out, False


def _along(line: np.ndarray, knots: np.ndarray, log_odds: np.ndarray) -> np.ndarray:
    """Where `calibration.bent` puts these log-odds."""
    return line[0] * log_odds + line[1] + np.maximum(log_odds[:, None] - knots, 0.0) @ line[2:]


def _curved(model: Model, line: np.ndarray, knots: np.ndarray) -> Model:
    """The straight model put along the line: its base where the line puts it, the bends as its curve."""
    base = float(_along(line, knots, np.array([model.base]))[0])
    slope = float(line[0])
    return replace(stretched(model, slope, 0.0), base=base, curve=Curve(slope * (knots - model.base), line[2:] / slope))


def importance(model: Model, x: np.ndarray) -> Sequence[tuple[str, float]]:
    """How much each term moves the log-odds of these clients: (name, mean absolute part), largest first."""
    parts = np.abs(model.parts(x)).mean(axis=0) if len(x) else np.zeros(len(model.names()))
    return sorted(zip(model.names(), parts.tolist(), strict=True), key=lambda pair: -pair[1])
