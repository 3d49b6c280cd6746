"""The rows a model is fitted on, how it sees their columns, and fair ways of holding some of them out."""

from dataclasses import dataclass, replace

import numpy as np

from personalize.decide.design import Input, squeezed
from personalize.decide.features import CATEGORY, Column

FOLDS = 5


@dataclass(frozen=True, slots=True)
class Rows:
    """What a model is fitted on.

    x (n, F) with NaN for not known · y (n,) 0 or 1 · columns and positions: what to read of x
    choice (n, S) index of the chosen candidate, -1 for none · slots, candidates as in `Model`
    weight (n,) how much each row counts, 1 for all where None
    """

    x: np.ndarray
    y: np.ndarray
    columns: tuple[Column, ...]
    positions: tuple[int, ...]
    choice: np.ndarray | None = None
    slots: tuple[str, ...] = ()
    candidates: tuple[tuple[str, ...], ...] = ()
    weight: np.ndarray | None = None

    def some(self, rows: np.ndarray) -> "Rows":
        """Only these rows."""
        choice = None if self.choice is None else self.choice[rows]
        weight = None if self.weight is None else self.weight[rows]
        return replace(self, x=self.x[rows], y=self.y[rows], choice=choice, weight=weight)


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
