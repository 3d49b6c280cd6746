"""How likely is each client to act: the right kind of model for the rows there are, judged on rows it did not see."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from personalize.decide import score
from personalize.decide.design import Input, design, squeezed
from personalize.decide.features import CATEGORY, Column
from personalize.decide.score import Model
from personalize.learn import calibration, linear, tables

FOLDS = 5
ENOUGH_ROWS, ENOUGH_EACH = 5_000, 500  # below: linear; see decisions on learning curves
PENALTIES = (1.0, 10.0, 100.0, 1_000.0)
SLOT_PENALTIES = (30.0, 100.0, 300.0, 1_000.0, 10_000.0)
OFFSET_SHARE = 0.1  # an offset's penalty as a share of that of its interactions: main effects emerge first
TUNING_ROWS = 20_000


class NothingToLearn(Exception):
    """The rows cannot teach anything: too few, or all with the same outcome. Nothing was fitted."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a model is fitted on.

    x (n, F) with NaN for not known · y (n,) 0 or 1 · columns and positions: what to read of x
    choice (n, S) index of the chosen candidate, -1 for none · slots, candidates as in `Model`
    """

    x: np.ndarray
    y: np.ndarray
    columns: tuple[Column, ...]
    positions: tuple[int, ...]
    choice: np.ndarray | None = None
    slots: tuple[str, ...] = ()
    candidates: tuple[tuple[str, ...], ...] = ()

    def some(self, rows: np.ndarray) -> "Rows":
        """Only these rows."""
        choice = None if self.choice is None else self.choice[rows]
        return replace(self, x=self.x[rows], y=self.y[rows], choice=choice)


@dataclass(frozen=True, slots=True)
class Trained:
    """A model, and the log-odds that models fitted without a row's fold gave to that row.

    penalty  the ridge that held-out log-loss chose, for "linear"
    """

    model: Model
    held_out: np.ndarray
    recalibrated: bool
    penalty: float


def method_for(y: np.ndarray) -> str:
    """ "tables" where there are at least 5,000 rows and 500 of each outcome, else "linear"."""
    positives = int(y.sum())
    enough = len(y) >= ENOUGH_ROWS and min(positives, len(y) - positives) >= ENOUGH_EACH
    return "tables" if enough else "linear"


def fit(rows: Rows, *, seed: int, method: str | None = None, settings: tables.Settings | None = None) -> Trained:
    """Fit, hold out each fifth once, and recalibrate where held-out log-loss says so.

    Raises NothingToLearn below 20 rows or 2 of each outcome.
    """
    positives = int(rows.y.sum())
    if len(rows.y) < 20 or min(positives, len(rows.y) - positives) < 2:
        raise NothingToLearn(f"{len(rows.y)} rows with {positives} successes are too few")
    method = method or method_for(rows.y)
    settings = settings or tables.Settings()
    penalty = _tuned(rows, seed) if method == "linear" else 0.0
    held_out = np.empty(len(rows.y))
    for number, test in enumerate(folds(rows.y, seed)):
        train = np.ones(len(rows.y), bool)
        train[test] = False
        part = rows.some(train)
        held_out[test] = _main(part, method, penalty, settings, seed + number).main(rows.x[test])
    model = _main(rows, method, penalty, settings, seed)
    model, held_out, changed = _honest(model, rows.y, held_out, seed)
    if rows.choice is not None:
        model, held_out = _with_slots(model, rows, held_out, seed)
    return Trained(model, held_out, changed, penalty)


def forward(
    rows: Rows, order: np.ndarray, *, seed: int, method: str, penalty: float = 0.0, share: float = 0.7
) -> tuple[np.ndarray, np.ndarray] | None:
    """Train on the first `share` in time and predict the rest: (outcomes, probabilities) of the later rows.

    order  (n,) when each row happened; candidates are left out: who they went to changes with time as well
    None where the earlier rows hold only one outcome.
    """
    ordered = np.argsort(order, kind="stable")
    border = int(share * len(ordered))
    early, late = ordered[:border], ordered[border:]
    if not 0 < rows.y[early].sum() < len(early) or len(late) == 0:
        return None
    model = _main(rows.some(early), method, penalty, tables.Settings(), seed)
    return rows.y[late], model.probability(rows.x[late])


def folds(y: np.ndarray, seed: int) -> list[np.ndarray]:
    """Five shuffled folds with the same share of successes. Never in file order: time hides there."""
    rng = np.random.default_rng(seed)
    place = np.empty(len(y), np.intp)
    for value in (0, 1):
        rows = rng.permutation(np.flatnonzero(y == value))
        place[rows] = np.arange(len(rows)) % FOLDS
    return [np.flatnonzero(place == number) for number in range(FOLDS)]


def inputs_of(rows: Rows) -> tuple[Input, ...]:
    """How the model sees each column, from the training rows; a column that never varies is left out."""
    found = []
    for column, position in zip(rows.columns, rows.positions, strict=True):
        one = _input(column, position, rows.x[:, position].astype(np.float64))
        if one is not None:
            found.append(one)
    return tuple(found)


def _input(column: Column, position: int, value: np.ndarray) -> Input | None:
    known = value[~np.isnan(value)]
    missing = 1 - len(known) / len(value)
    if len(known) == 0:
        return None
    if column.kind == CATEGORY:
        levels = len(column.levels)
        codes = known[(known >= 0) & (known < levels)].astype(np.intp)
        counts = np.bincount(codes, minlength=levels)
        if (counts > 0).sum() + (missing > 0) < 2:
            return None
        return Input(column, position, 0.0, 1.0, False, tuple((counts / len(value)).tolist()), missing)
    if known.min() == known.max() and missing == 0:
        return None
    log = _long_tailed(known)
    shown = squeezed(known) if log else known
    return Input(column, position, float(shown.mean()), float(shown.std()) or 1.0, log, (), missing)


def _long_tailed(known: np.ndarray) -> bool:
    """Whether a value's logarithm is nearer to normal than the value: by the size of the skew of each."""
    if known.std() == 0:
        return False
    return abs(_skew(squeezed(known))) < 0.5 * abs(_skew(known))


def _skew(value: np.ndarray) -> float:
    spread = value.std()
    return float(((value - value.mean()) ** 3).mean() / spread**3) if spread > 0 else 0.0


def _main(rows: Rows, method: str, penalty: float, settings: tables.Settings, seed: int) -> Model:
    inputs = inputs_of(rows)
    if method == "tables":
        return tables.compiled(inputs, tables.grow(inputs, rows.x, rows.y, settings=settings, seed=seed), rows.x)
    width = sum(one.width for one in inputs)
    found = linear.fit(lambda at: design(inputs, rows.x[at]), rows.y, np.full(width, penalty))
    return Model("linear", found.intercept, inputs, found.weight, (), (), (), (), ())


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
            model = _main(rows.some(train), "linear", penalty, tables.Settings(), seed)
            p[test] = model.probability(rows.x[test])
        losses.append(calibration.log_loss(rows.y, p))
    return PENALTIES[int(np.argmin(losses))]


def _honest(model: Model, y: np.ndarray, held_out: np.ndarray, seed: int) -> tuple[Model, np.ndarray, bool]:
    """The model with its log-odds stretched as held-out rows ask, if that helps rows held out of the stretching too."""
    stretched = np.empty_like(held_out)
    for test in folds(y, seed + 1):
        train = np.ones(len(y), bool)
        train[test] = False
        slope, intercept = calibration.recalibration(y[train], held_out[train])
        stretched[test] = slope * held_out[test] + intercept
    before = calibration.log_loss(y, score.probability(held_out))
    if calibration.log_loss(y, score.probability(stretched)) > before - 1e-4:
        return model, held_out, False
    slope, intercept = calibration.recalibration(y, held_out)
    terms = tuple(replace(term, values=slope * term.values) for term in model.terms)
    base = slope * model.base + intercept
    return replace(model, base=base, weight=slope * model.weight, terms=terms), stretched, True


def _with_slots(model: Model, rows: Rows, known: np.ndarray, seed: int) -> tuple[Model, np.ndarray]:
    """Add what each candidate is worth, and to whom, on top of the held-out log-odds `known`.

    Offsets and weights have normal priors around 0, so a candidate with few rows stays near the average; how tight
    the prior is, held-out log-loss decides (empirical Bayes by cross-validation).
    """
    y, spec = rows.y, _Slots(model.inputs, rows)
    losses, guesses = [], []
    for penalty in SLOT_PENALTIES:
        guess = np.empty(len(y))
        for test in folds(y, seed + 2):
            train = np.ones(len(y), bool)
            train[test] = False
            guess[test] = known[test] + spec.fitted(rows.some(train), known[train], penalty).added(rows.some(test))
        guesses.append(guess)
        losses.append(calibration.log_loss(y, score.probability(guess)))
    best = int(np.argmin(losses))
    if losses[best] >= calibration.log_loss(y, score.probability(known)):
        # Nothing that candidates do could be shown: keep them equal rather than learn noise.
        return spec.model(model, 0.0, np.zeros(spec.width)), known
    found = spec.fitted(rows, known, SLOT_PENALTIES[best])
    return spec.model(model, found.intercept, found.weight), guesses[best]


@dataclass(frozen=True, slots=True)
class _Part:
    """Weights of the slots, ready to score rows."""

    slots: "_Slots"
    intercept: float
    weight: np.ndarray

    def added(self, rows: Rows) -> np.ndarray:
        return self.slots.columns(rows, slice(0, len(rows.y))) @ self.weight + self.intercept


class _Slots:
    """The design of candidates: for every candidate of every slot one column for itself and one a client column.

    A slot with one candidate has no columns: everybody got it, so it can explain nothing.
    """

    def __init__(self, inputs: tuple[Input, ...], rows: Rows) -> None:
        self.inputs = inputs
        self.names, self.candidates = rows.slots, rows.candidates
        self.each = 1 + sum(one.width for one in inputs)
        self.starts = np.cumsum([0, *(len(one) * self.each if len(one) > 1 else 0 for one in rows.candidates)])
        self.width = int(self.starts[-1])

    def columns(self, rows: Rows, at: slice) -> np.ndarray:
        client = np.column_stack([np.ones(len(rows.y[at])), design(self.inputs, rows.x[at])])
        out = np.zeros((len(client), self.width))
        assert rows.choice is not None
        for number in np.flatnonzero(np.diff(self.starts)):
            chosen = rows.choice[at, number]
            for candidate in range(len(self.candidates[number])):
                mine = chosen == candidate
                first = self.starts[number] + candidate * self.each
                out[mine, first : first + self.each] = client[mine]
        return out

    def fitted(self, rows: Rows, known: np.ndarray, penalty: float) -> _Part:
        penalties = np.full(self.width, penalty)
        penalties[:: self.each] = penalty * OFFSET_SHARE
        found = linear.fit(lambda at: self.columns(rows, at), rows.y, penalties, offset=known)
        return _Part(self, found.intercept, found.weight)

    def model(self, model: Model, intercept: float, weight: np.ndarray) -> Model:
        """The model with these slots; the intercept is what no candidate at all is worth against the average."""
        offsets, weights = [], []
        for number, candidates in enumerate(self.candidates):
            block = weight[self.starts[number] : self.starts[number + 1]]
            block = block.reshape(len(candidates), self.each) if len(block) else np.zeros((len(candidates), self.each))
            offsets.append(block[:, 0].copy())
            weights.append(block[:, 1:].copy())
        return replace(
            model,
            base=model.base + intercept,
            slots=self.names,
            candidates=self.candidates,
            offsets=tuple(offsets),
            weights=tuple(weights),
        )


def importance(model: Model, x: np.ndarray) -> Sequence[tuple[str, float]]:
    """How much each term moves the log-odds of these clients: (name, mean absolute part), largest first."""
    parts = np.abs(model.parts(x)).mean(axis=0) if len(x) else np.zeros(len(model.names()))
    return sorted(zip(model.names(), parts.tolist(), strict=True), key=lambda pair: -pair[1])
