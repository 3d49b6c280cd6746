"""The bandit's heads as arithmetic: what each combination of blocks is worth to each client, and exactly why.

A combination (variant) takes one level of every block. A head's linear predictor is shared between combinations:

    base . u  +  sum over the levels l of the combination of (own_l . u + repeat_l . r_l + offset_l)

with u the client's standardised columns (the first is 1), r_l how lately the client had level l, and the client's own
offset. Everything is additive, so a choice is explained without approximation. Numpy only.
"""

from dataclasses import dataclass

import numpy as np

HEADS = ("open", "gain", "harm", "quality")
CLIP = 4.0  # standard deviations: one absurd value must not decide
ROWS = 1_024  # worked on at once where each needs many numbers
CHANGED = np.arange(len(HEADS))[:, None, None] < np.arange(len(HEADS) + 1)[:, None]  # (4, 5, 1) heads by step
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
        out[:, 1:] = np.where(np.isfinite(scaled), np.minimum(np.maximum(scaled, -CLIP), CLIP), 0.0)
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
    levels   (4, n, L + 1) what `Ready.levels` gives, for who asks more than once; None where nobody has worked it out
    """

    u: np.ndarray
    lately: np.ndarray
    offsets: np.ndarray | None = None
    levels: np.ndarray | None = None

    def rows(self, at: slice | np.ndarray) -> "Seen":
        """The same of some of the clients."""
        return Seen(
            self.u[at],
            self.lately[at],
            None if self.offsets is None else self.offsets[at],
            None if self.levels is None else self.levels[:, at],
        )


def predict(layout: Layout, weights: Weights, seen: Seen, *, own: bool = False) -> np.ndarray:
    """The linear predictor of every combination: (n, V). own: with the client's own offsets."""
    each = seen.u @ _columns(weights, seen.u.dtype)
    each += seen.lately.reshape(len(each), -1) @ _repeat(layout, weights, seen.u.dtype)
    if own and seen.offsets is not None:
        each[:, :-1] += seen.offsets[:, 1:]
        each[:, -1] += seen.offsets[:, 0]
    return each @ layout.spread.astype(each.dtype, copy=False)


def _columns(weights: Weights, kind: np.dtype) -> np.ndarray:
    # What is common to all combinations goes as one level more, which every combination takes: one product each.
    return np.column_stack([weights.own, weights.base]).astype(kind)


def _repeat(layout: Layout, weights: Weights, kind: np.dtype) -> np.ndarray:
    levels = len(layout.block)
    repeat = np.zeros((weights.repeat.shape[1], levels, levels + 1), kind)
    at = np.arange(levels)
    repeat[:, at, at] = weights.repeat[layout.block].T
    return repeat.reshape(-1, levels + 1)


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


@dataclass(frozen=True, slots=True)
class Ready:
    """The heads over one layout: all that depends on no client, worked out once.

    columns (4, U, L + 1), repeat (4, len(SCALES) L, L + 1)  weights by head and level, the last level of each head
    being what all combinations share · own (4, L, U)
    """

    columns: np.ndarray
    repeat: np.ndarray
    own: np.ndarray

    @classmethod
    def of(cls, layout: Layout, heads: Heads, kind: np.dtype) -> "Ready":
        """From the coefficients, in the precision in which they will be asked."""
        every = [getattr(heads, name) for name in HEADS]
        return cls(
            np.stack([_columns(one, kind) for one in every]),
            np.stack([_repeat(layout, one, kind) for one in every]),
            np.stack([one.own.T for one in every]),
        )

    def levels(self, seen: Seen) -> np.ndarray:
        """What each level adds by head, and last what is common, with the client's own offsets: (4, n, L + 1)."""
        each = seen.u @ self.columns
        each += seen.lately.reshape(len(seen.u), -1) @ self.repeat
        if seen.offsets is not None:
            each[0, :, :-1] += seen.offsets[:, 1:]
            each[0, :, -1] += seen.offsets[:, 0]
        return each


def worth(layout: Layout, heads: Heads, seen: Seen, reward: Reward) -> np.ndarray:
    """Expected reward of every combination for every client: (n, V), in the precision of `seen`.

    p_open (open + gain) (1 + quality q) - harm p_harm, with q in [-1, 1].
    """
    each = Ready.of(layout, heads, seen.u.dtype).levels(seen) if seen.levels is None else seen.levels
    odds = each.reshape(-1, each.shape[2]) @ layout.spread.astype(each.dtype, copy=False)
    return earned(odds.reshape(len(HEADS), each.shape[1], -1), heads.gain_scale, reward)


def parts_of(layout: Layout, weights: Weights, seen: Seen, chosen: np.ndarray, *, own: bool = False) -> np.ndarray:
    """The linear predictor of one combination for each client: `predict` at chosen (n,) alone, (n,)."""
    each = (weights.base[:, None] + weights.own @ layout.member).astype(seen.u.dtype)
    z = np.einsum("nu,nu->n", seen.u, each.T[chosen])
    repeat = (seen.lately * weights.repeat[layout.block].T.astype(seen.u.dtype)).sum(axis=1)
    if own and seen.offsets is not None:
        repeat = repeat + seen.offsets[:, 1:]
        z = z + seen.offsets[:, 0]
    return z + np.einsum("nl,nl->n", repeat, layout.member.T[chosen])


def odds_of(layout: Layout, heads: Heads, seen: Seen, chosen: np.ndarray) -> np.ndarray:
    """By head the linear predictor of one combination for each client: chosen (n,), answer (4, n)."""
    if seen.levels is None:
        return np.stack([parts_of(layout, getattr(heads, one), seen, chosen, own=one == "open") for one in HEADS])
    rows = np.arange(len(chosen))[:, None]
    return seen.levels[:, rows, layout.levels[chosen]].sum(axis=2) + seen.levels[:, :, -1]


def worth_of(layout: Layout, heads: Heads, seen: Seen, reward: Reward, chosen: np.ndarray) -> np.ndarray:
    """`worth` of one combination for each client: chosen (n,), answer (n,)."""
    return earned(odds_of(layout, heads, seen, chosen), heads.gain_scale, reward)


def earned(odds: np.ndarray, gain_scale: float, reward: Reward) -> np.ndarray:
    """The expected reward (…) from the linear predictors (4, …) by head, which are used up; see `worth`."""
    (opens, gains, harm), quality = sigmoid(odds[:3]), odds[3]
    won = gains * odds.dtype.type(gain_scale)
    won += reward.open
    won *= opens
    if reward.quality:
        np.maximum(quality, -1.0, out=quality)
        np.minimum(quality, 1.0, out=quality)
        quality *= reward.quality
        quality += 1.0
        won *= quality
    if reward.harm:
        harm *= reward.harm
        won -= harm
    return won


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-z), in place."""
    np.negative(z, out=z)
    with np.errstate(over="ignore"):  # e^z of a very small chance is infinite, and 1 / inf is the 0 that we want
        np.exp(z, out=z)
    z += 1.0
    return np.divide(1.0, z, out=z)


def spoke(
    layout: Layout, heads: Heads, seen: Seen, reward: Reward, chosen: np.ndarray, other: np.ndarray, *,
    own: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """What each column of u adds to "worth more than the other": (n, U), in the unit of the reward.

    The gap in worth is shared among the heads by changing one after the other from `other` to `chosen`, and each
    head's share among columns in proportion to what they add to its linear predictor. With the parts of repetition and
    of own habit, which are not columns, it adds up to the gap exactly.
    own  as `Ready` has it, by a caller who has
    """
    own = Ready.of(layout, heads, seen.u.dtype).own if own is None else own
    now, before = (odds_of(layout, heads, seen, of).astype(np.float64) for of in (chosen, other))
    worth = earned(np.where(CHANGED, now[:, None], before[:, None]), heads.gain_scale, reward)
    apart = now - before
    share = np.zeros(apart.shape)
    np.divide(worth[1:] - worth[:-1], apart, out=share, where=np.abs(apart) > 1e-12)
    parts = np.empty(seen.u.shape)
    for start in range(0, len(parts), ROWS):
        at = slice(start, start + ROWS)
        gap = own[:, layout.levels[chosen[at]]].sum(axis=2) - own[:, layout.levels[other[at]]].sum(axis=2)
        parts[at] = np.einsum("hnu,hn->nu", gap, share[:, at])
    parts *= seen.u
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
