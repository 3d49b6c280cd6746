"""How a model sees a client: standardised columns with a known mean, and what "not known" becomes."""

from dataclasses import dataclass

import numpy as np

from personalize.decide.features import CATEGORY, Column

CLIP = 4.0  # standard deviations; one absurd value must not decide
ROWS = 1_024  # worked on at once, so that they stay in the cache


@dataclass(frozen=True, slots=True)
class Input:
    """One feature a model reads.

    position  column of the matrix it is given; mean, sd  of the training rows (after `log`), for numbers
    log       whether the value passes through sign(v) log(1 + |v|) first
    shares    for categories: share of each level in the training rows; missing  share of rows where not known
    """

    column: Column
    position: int
    mean: float
    sd: float
    log: bool
    shares: tuple[float, ...]
    missing: float

    @property
    def width(self) -> int:
        """Columns of the design that belong to this feature: the value or one per level, and one for "not known"."""
        return (len(self.column.levels) if self.column.kind == CATEGORY else 1) + 1


def probability(log_odds: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-z) without overflow."""
    small = np.exp(-np.abs(log_odds))
    return np.where(log_odds >= 0, 1.0, small) / (1.0 + small)


def design(inputs: tuple[Input, ...], x: np.ndarray) -> np.ndarray:
    """The (n, C) columns that linear weights speak of, every one with mean 0 over the training rows.

    A number gives its standardised value, clipped at 4 standard deviations and 0 where not known; a category one
    column per level, 1 or 0, minus the level's share; both one more, 1 where not known, minus its share.
    """
    return Design.of(inputs).columns(x)


@dataclass(frozen=True, slots=True)
class Design:
    """`design` with all that depends on no client worked out once, so that one client costs no loop over features.

    numbers, choices  places among the inputs of numbers and of categories · positions (F,) of the inputs in x
    mean, sd (numbers,), logs places among the numbers · most (choices,) levels · into  columns of numbers, of
    levels, of "not known" of every input · owner, level (levels of all choices,) of each such column
    less (C,) what every column has subtracted · starts (F,) the first column of each input
    """

    positions: np.ndarray
    numbers: np.ndarray
    choices: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    logs: np.ndarray
    most: np.ndarray
    owner: np.ndarray
    level: np.ndarray
    into: tuple[np.ndarray, np.ndarray, np.ndarray]
    less: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, inputs: tuple[Input, ...]) -> "Design":
        """From the inputs of a model."""
        is_choice = np.array([one.column.kind == CATEGORY for one in inputs], bool)
        numbers, choices = np.flatnonzero(~is_choice), np.flatnonzero(is_choice)
        told, picked = [inputs[one] for one in numbers], [inputs[one] for one in choices]
        starts = np.cumsum([0, *(one.width for one in inputs)])
        most = np.array([len(one.column.levels) for one in picked], np.intp)
        level = np.concatenate([np.arange(0), *(np.arange(one) for one in most)])
        owner = np.repeat(np.arange(len(picked)), most)
        into = (starts[numbers], starts[choices][owner] + level, starts[1:] - 1)
        less = np.zeros(starts[-1])
        less[into[2]] = [one.missing for one in inputs]
        less[into[1]] = [share for one in picked for share in one.shares]
        return cls(
            np.array([one.position for one in inputs], np.intp), numbers, choices, np.array([one.mean for one in told]),
            np.array([one.sd for one in told]), np.array([n for n, one in enumerate(told) if one.log], np.intp), most,
            owner, level, into, less, starts[:-1],
        )  # fmt: skip

    def columns(self, x: np.ndarray) -> np.ndarray:
        """The (n, C) columns, see `design`; a column that x does not have yet is not known."""
        out = np.empty((len(x), len(self.less)))
        for start in range(0, len(x), ROWS):
            at = slice(start, start + ROWS)
            self._fill(out[at], x[at])
        return out

    def _fill(self, out: np.ndarray, x: np.ndarray) -> None:
        value = self._given(x)
        unknown = np.isnan(value)
        if len(self.choices):
            chosen = value[:, self.choices]
            unknown[:, self.choices] |= (chosen < 0) | (chosen >= self.most)
            is_one = np.trunc(chosen)[:, self.owner] == self.level
            is_one &= ~unknown[:, self.choices][:, self.owner]
            out[:, self.into[1]] = is_one
        scaled = value[:, self.numbers]
        if len(self.logs):
            scaled[:, self.logs] = squeezed(scaled[:, self.logs])
        scaled -= self.mean
        scaled /= self.sd
        np.minimum(np.maximum(scaled, -CLIP, out=scaled), CLIP, out=scaled)
        scaled[unknown[:, self.numbers]] = 0.0
        out[:, self.into[0]] = scaled
        out[:, self.into[2]] = unknown
        out -= self.less

    def _given(self, x: np.ndarray) -> np.ndarray:
        """The values of the inputs (n, F) in double precision."""
        if not len(self.positions) or self.positions.max() < x.shape[1]:
            return x[:, self.positions].astype(np.float64)
        found = np.full((len(x), len(self.positions)), np.nan)
        have = self.positions < x.shape[1]
        found[:, have] = x[:, self.positions[have]]
        return found


def squeezed(value: np.ndarray) -> np.ndarray:
    """sign(v) log(1 + |v|): counts and amounts with a long tail, made comparable."""
    return np.sign(value) * np.log1p(np.abs(value))


def given(one: Input, x: np.ndarray) -> np.ndarray:
    """The values of one input as float64; NaN where x does not have its column yet."""
    if one.position >= x.shape[1]:
        return np.full(len(x), np.nan)
    return x[:, one.position].astype(np.float64)
