"""The bandit's heads as arithmetic: what each combination of blocks is worth to each client, and exactly why.

A combination (variant) takes one level of every block. A head's linear predictor is shared between combinations:

    base . u  +  sum over the levels l of the combination of (own_l . u + repeat_l . r_l + offset_l)

with u the client's standardised columns (the first is 1), r_l how lately the client had level l, and the client's own
offset. Everything is additive, so a choice is explained without approximation. Numpy only.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

HEADS = ("open", "gain", "harm", "quality")
CLIP = 4.0  # standard deviations: one absurd value must not decide
SCALES = (2.0, 6.0, 18.0)  # days over which a repeated level is forgotten; their weights are learnt


def fading(days: np.ndarray) -> np.ndarray:
    """What is left of something had so many days ago, by scale: (n, len(SCALES))."""
    return np.exp(-np.maximum(days, 0.0)[:, None] / np.array(SCALES))


@dataclass(frozen=True, slots=True)
class Layout:
    """Which combination takes which levels.

    levels  (V, B) level of each block in each combination, numbered from 0 over all blocks
    member  (L, V) float32 1 where the combination takes the level · block (L,) block of each level
    spread  (L + 1, V) the same with a row of ones below
    """

    levels: np.ndarray
    member: np.ndarray
    block: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, levels: np.ndarray) -> "Layout":
        """From a (V, B) table of level numbers, unique over blocks, gaps allowed. Raises ValueError when it is not."""
        table = np.asarray(levels)
        if table.ndim != 2 or not table.size:
            raise ValueError(f"levels must be a table of combinations and blocks, not of shape {table.shape}")
        known, flat = np.unique(table, return_inverse=True)
        numbered = flat.reshape(table.shape).astype(np.intp)
        member = np.zeros((len(known), len(table)), np.float32)
        member[numbered, np.arange(len(table))[:, None]] = 1.0
        block = np.zeros(len(known), np.intp)
        for number in range(table.shape[1]):
            block[numbered[:, number]] = number
        if any(len(np.unique(row)) != len(row) for row in numbered):
            raise ValueError("a combination may take a level once")
        return cls(numbered, member, block, np.vstack([member, np.ones((1, len(table)), np.float32)]))

    @classmethod
    def numbered(cls, levels: np.ndarray, block: np.ndarray) -> "Layout":
        """From level numbers (V, B) that stand as they are, and the block (L,) of every level, shown or not."""
        member = np.zeros((len(block), len(levels)), np.float32)
        member[levels, np.arange(len(levels))[:, None]] = 1.0
        return cls(levels, member, block, np.vstack([member, np.ones((1, len(levels)), np.float32)]))


@dataclass(frozen=True, slots=True)
class Scale:
    """How raw columns become u: mean and sd (F,) of what was seen."""

    mean: np.ndarray
    sd: np.ndarray

    def apply(self, raw: np.ndarray) -> np.ndarray:
        """(n, 1 + F): a one, then each column standardised, clipped at 4 sd and 0 where not known."""
        out = np.empty((len(raw), raw.shape[1] + 1), np.float32)
        out[:, 0] = 1.0
        scaled = (raw - self.mean) / self.sd
        out[:, 1:] = np.where(np.isfinite(scaled), np.clip(scaled, -CLIP, CLIP), 0.0)
        return out


@dataclass(frozen=True, slots=True)
class Weights:
    """One head's coefficients: base (U,), own (U, L), repeat (B, len(SCALES))."""

    base: np.ndarray
    own: np.ndarray
    repeat: np.ndarray


@dataclass(frozen=True, slots=True)
class Seen:
    """What a decision sees of n clients.

    u        (n, U) from `Scale.apply`
    lately   (n, len(SCALES), L) how lately each level was had: sum of exp(-days / scale)
    offsets  (n, 1 + L) the client's own intercept and level offsets of the open head, or None
    """

    u: np.ndarray
    lately: np.ndarray
    offsets: np.ndarray | None = None


def predict(layout: Layout, weights: Weights, seen: Seen, *, own: bool = False) -> np.ndarray:
    """The linear predictor of every combination: (n, V). own: with the client's own offsets."""
    u, (scales, levels) = seen.u, seen.lately.shape[1:]
    # What is common to all combinations goes as one level more, which every combination takes: one product each.
    each = u @ np.column_stack([weights.own, weights.base]).astype(u.dtype)
    repeat = np.zeros((scales, levels, levels + 1), u.dtype)
    at = np.arange(levels)
    repeat[:, at, at] = weights.repeat[layout.block].T
    each += seen.lately.reshape(len(u), -1) @ repeat.reshape(-1, levels + 1)
    if own and seen.offsets is not None:
        each[:, :-1] += seen.offsets[:, 1:]
        each[:, -1] += seen.offsets[:, 0]
    return each @ layout.spread.astype(u.dtype, copy=False)


@dataclass(frozen=True, slots=True)
class Reward:
    """What is worth how much; a governed record. The objective counts outcomes, or says that it does not.

    open      of an open by itself · quality  how much an outcome of quality q multiplies: 1 + quality q
    harm      of an opt-out or a complaint, at least 0
    """

    open: float = 0.05
    quality: float = 2.0
    harm: float = 5.0


@dataclass(frozen=True, slots=True)
class Heads:
    """The four heads of a snapshot: open and harm are log-odds, gain (given an open) a share of `gain_scale`."""

    open: Weights
    gain: Weights
    harm: Weights
    quality: Weights
    gain_scale: float


def worth(layout: Layout, heads: Heads, seen: Seen, reward: Reward) -> np.ndarray:
    """Expected reward of every combination for every client: (n, V) float32.

    p_open (open + gain) (1 + quality q) - harm p_harm, with q in [-1, 1].
    """
    found = sigmoid(predict(layout, heads.gain, seen))
    found *= heads.gain_scale
    found += reward.open
    found *= sigmoid(predict(layout, heads.open, seen, own=True))
    if reward.quality:
        quality = predict(layout, heads.quality, seen)
        np.clip(quality, -1.0, 1.0, out=quality)
        quality *= reward.quality
        quality += 1.0
        found *= quality
    if reward.harm:
        harm = sigmoid(predict(layout, heads.harm, seen))
        harm *= reward.harm
        found -= harm
    return found


def parts_of(layout: Layout, weights: Weights, seen: Seen, chosen: np.ndarray, *, own: bool = False) -> np.ndarray:
    """The linear predictor of one combination for each client: `predict` at chosen (n,) alone, (n,)."""
    each = (weights.base[:, None] + weights.own @ layout.member).astype(seen.u.dtype)
    z = np.einsum("nu,nu->n", seen.u, each.T[chosen])
    repeat = (seen.lately * weights.repeat[layout.block].T.astype(seen.u.dtype)).sum(axis=1)
    if own and seen.offsets is not None:
        repeat = repeat + seen.offsets[:, 1:]
        z = z + seen.offsets[:, 0]
    return z + np.einsum("nl,nl->n", repeat, layout.member.T[chosen])


def worth_of(layout: Layout, heads: Heads, seen: Seen, reward: Reward, chosen: np.ndarray) -> np.ndarray:
    """`worth` of one combination for each client: chosen (n,), answer (n,)."""
    odds = {name: parts_of(layout, getattr(heads, name), seen, chosen, own=name == "open") for name in HEADS}
    return earned(odds, heads.gain_scale, reward)


def earned(odds: Mapping[str, np.ndarray], gain_scale: float, reward: Reward) -> np.ndarray:
    """The expected reward from the linear predictors (n,) of HEADS; see `worth`."""
    won = sigmoid(odds["open"].copy()) * (gain_scale * sigmoid(odds["gain"].copy()) + reward.open)
    won *= 1.0 + reward.quality * np.clip(odds["quality"], -1.0, 1.0)
    return won - reward.harm * sigmoid(odds["harm"].copy())


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-z), in place."""
    np.negative(z, out=z)
    with np.errstate(over="ignore"):  # e^z of a very small chance is infinite, and 1 / inf is the 0 that we want
        np.exp(z, out=z)
    z += 1.0
    return np.divide(1.0, z, out=z)


def spoke(
    layout: Layout, heads: Heads, seen: Seen, reward: Reward, chosen: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """What each column of u adds to "worth more than the other": (n, U), in the unit of the reward.

    The gap in worth is shared among the heads by changing one after the other from `other` to `chosen`, and each
    head's share among columns in proportion to what they add to its linear predictor. With the parts of repetition and
    of own habit, which are not columns, it adds up to the gap exactly.
    """
    every = {name: getattr(heads, name) for name in HEADS}
    now, before = (
        {name: parts_of(layout, every[name], seen, of, own=name == "open").astype(np.float64) for name in HEADS}
        for of in (chosen, other)
    )
    parts, mixed = np.zeros(seen.u.shape), dict(before)
    last = earned(mixed, heads.gain_scale, reward)
    for name in HEADS:
        mixed[name] = now[name]
        then = earned(mixed, heads.gain_scale, reward)
        apart = now[name] - before[name]
        share = np.divide(then - last, apart, out=np.zeros(len(apart)), where=np.abs(apart) > 1e-12)
        each = (every[name].own @ layout.member).T
        parts += seen.u * ((each[chosen] - each[other]) * share[:, None])
        last = then
    return parts


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why one combination stood above another in one head: (n, U) by column, (n,) by repetition and by own habit."""

    columns: np.ndarray
    repeat: np.ndarray
    habit: np.ndarray

    def gap(self) -> np.ndarray:
        """The sum of all: the difference of the two linear predictors."""
        return self.columns.sum(axis=1) + self.repeat + self.habit


def reasons(layout: Layout, weights: Weights, seen: Seen, chosen: np.ndarray, other: np.ndarray) -> Reasons:
    """What each column adds to "chosen rather than other", exactly: u_f (own_f of chosen - own_f of other).

    chosen, other (n,) combinations. Column 0 is what is the same for everybody.
    """
    differ = (layout.member[:, chosen] - layout.member[:, other]).T.astype(np.float64)
    u = seen.u.astype(np.float64)
    repeat = (seen.lately.astype(np.float64) * weights.repeat[layout.block].T).sum(axis=1)
    own = seen.offsets
    return Reasons(
        columns=u * (differ @ weights.own.T.astype(np.float64)),
        repeat=(differ * repeat).sum(axis=1),
        habit=np.zeros(len(u)) if own is None else (differ * own[:, 1:]).sum(axis=1),
    )
