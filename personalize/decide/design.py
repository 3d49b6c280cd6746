"""How a model sees a client: standardised columns with a known mean, and what "not known" becomes."""

from dataclasses import dataclass

import numpy as np

from personalize.decide.features import CATEGORY, Column

CLIP = 4.0  # standard deviations; one absurd value must not decide


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
    out = np.zeros((len(x), sum(one.width for one in inputs)))
    column = 0
    for one in inputs:
        value = given(one, x)
        unknown = np.isnan(value)
        if one.column.kind == CATEGORY:
            levels = len(one.column.levels)
            unknown |= (value < 0) | (value >= levels)
            rows = np.flatnonzero(~unknown)
            out[rows, column + value[rows].astype(np.intp)] = 1.0
            out[:, column : column + levels] -= one.shares
            column += levels
        else:
            scaled = (squeezed(value) if one.log else value) - one.mean
            out[:, column] = np.where(unknown, 0.0, np.clip(scaled / one.sd, -CLIP, CLIP))
            column += 1
        out[:, column] = unknown - one.missing
        column += 1
    return out


def squeezed(value: np.ndarray) -> np.ndarray:
    """sign(v) log(1 + |v|): counts and amounts with a long tail, made comparable."""
    return np.sign(value) * np.log1p(np.abs(value))


def given(one: Input, x: np.ndarray) -> np.ndarray:
    """The values of one input as float64; NaN where x does not have its column yet."""
    if one.position >= x.shape[1]:
        return np.full(len(x), np.nan)
    return x[:, one.position].astype(np.float64)
