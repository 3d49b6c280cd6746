"""What a learned policy believes, carried from one day to the next: four heads on columns that stay as they are.

Behind arrays: no database, no clock. What was learnt until yesterday is a `Belief`; today's results move it.
"""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from personalize.decide.design import Input, design
from personalize.decide.features import CATEGORY, Column
from personalize.decide.funnel import HEADS, Heads, Layout, Scale
from personalize.learn.bandit import cautious
from personalize.learn.posterior import Batch, Posterior

FIRST = {"open": 1.0, "gain": 1.0, "harm": 0.1, "quality": 0.25}
MOST_CAUTION = 0.125  # of quality: with the usual reward a quarter of what is won
SEEN_LEAST = 1e-6  # of a column's standard deviation, below which it says nothing


class BadBelief(Exception):
    """The bytes are not what the policy names as its belief."""


@dataclass(frozen=True, slots=True)
class Results:
    """n results of one stage.

    x (n, F) features as decided · context (n, 3) · level (n, B) numbers of the levels shown · repeat (n, B, 3) how
    lately each was had · known (n,) the client's own part of the log-odds · y (n,) the result
    """

    x: np.ndarray
    context: np.ndarray
    level: np.ndarray
    repeat: np.ndarray
    known: np.ndarray
    y: np.ndarray

    def some(self, rows: np.ndarray) -> "Results":
        """Only these rows."""
        return Results(*(getattr(self, one.name)[rows] for one in fields(self)))


@dataclass(slots=True)
class Belief:
    """The four heads, over levels whose block (L,) is known."""

    block: np.ndarray
    columns: int
    heads: dict[str, Posterior]

    @classmethod
    def blank(cls, block: np.ndarray, columns: int) -> "Belief":
        """Nothing was learnt yet. columns: with the leading one."""
        layout = _any_layout(block)
        return cls(block, columns, {
            name: Posterior(layout, columns, logistic=name != "quality", first=FIRST[name]) for name in HEADS
        })  # fmt: skip

    def grown(self, block: np.ndarray) -> "Belief":
        """The same belief with more levels behind those there are; a new one is believed to be like the others."""
        if len(block) == len(self.block):
            return self
        made = Belief.blank(block, self.columns)
        for name, old in self.heads.items():
            new, end = made.heads[name], len(old.mean)
            new.mean[:end], new.variance[:end], new.info[:end, :end] = old.mean, old.variance, old.info
            more = len(new.mean) - end
            new.variance[end:] = np.resize(old.variance[end - self.columns :], more)
            new.noise, new.seen = old.noise, old.seen
        return made

    def learn(self, name: str, inputs: tuple[Input, ...], scale: Scale, results: Results) -> bool:
        """Move one head by its results; False when there were none or they would have broken it."""
        head = self.heads[name]
        if not len(results.y):
            return False
        levels, variant = np.unique(results.level, axis=0, return_inverse=True)
        head.layout = Layout.numbered(levels, self.block)
        u = scale.apply(np.column_stack([design(inputs, results.x), results.context])).astype(np.float64)
        known = results.known if name == "open" else np.zeros(len(results.y))
        return head.learn(Batch(u, variant.reshape(-1), results.repeat, results.y, known))

    def odds(self, name: str, inputs: tuple[Input, ...], scale: Scale, results: Results) -> np.ndarray:
        """The linear predictor of a head for these rows, without what is the client's own: (n,)."""
        weights = self.heads[name].weights()
        u = scale.apply(np.column_stack([design(inputs, results.x), results.context])).astype(np.float64)
        own = np.einsum("nbu,nu->n", weights.own.T[results.level], u)
        return u @ weights.base + own + (results.repeat * weights.repeat[None]).sum(axis=(1, 2))

    def shrink(self) -> None:
        """Learn the priors anew; once a week is enough."""
        for head in self.heads.values():
            head.layout = _any_layout(self.block)
            head.shrink()

    def weights(self, gain_scale: float) -> Heads:
        """The heads as decisions read them, with the caution about what is opened for its own sake."""
        for head in self.heads.values():
            head.layout = _any_layout(self.block)
        opens, gain, harm, quality = (self.heads[name].weights() for name in HEADS)
        cautious(quality, opens, gain, self.heads["quality"].unsure(), self.block, most=MOST_CAUTION)
        return Heads(opens, gain, harm, quality, gain_scale)

    def largest(self) -> float:
        """The largest weight of any head: a figure that must stay small."""
        return max(float(np.abs(one.mean).max()) for one in self.heads.values())

    def pack(self) -> bytes:
        """All of it as bytes that `unpack` reads; the same belief always gives the same bytes."""
        parts = [np.array([self.columns, len(self.block)], "<i8").tobytes(), self.block.astype("<i8").tobytes()]
        for name in HEADS:
            head = self.heads[name]
            upper = head.info[np.triu_indices(len(head.mean))]
            parts += [np.array([head.noise, head.seen]).astype("<f8").tobytes()]
            parts += [one.astype("<f8").tobytes() for one in (head.mean, head.variance, upper)]
        return zlib.compress(b"".join(parts), 6)


def sha256(packed: bytes) -> str:
    """The hash by which a policy names its belief, hex."""
    return hashlib.sha256(packed).hexdigest()


def unpack(packed: bytes, digest: str) -> Belief:
    """The belief in these bytes. Raises BadBelief when they are not those of this digest."""
    if sha256(packed) != digest:
        raise BadBelief("what was learnt is not what the policy names")
    raw = zlib.decompress(packed)
    columns, levels = (int(one) for one in np.frombuffer(raw, "<i8", 2))
    made = Belief.blank(np.frombuffer(raw, "<i8", levels, 16).astype(np.intp), columns)
    at = 16 + 8 * levels
    for name in HEADS:
        head = made.heads[name]
        size = len(head.mean)
        upper = np.triu_indices(size)
        numbers = np.frombuffer(raw, "<f8", 2 + 2 * size + len(upper[0]), at)
        head.noise, head.seen = float(numbers[0]), int(numbers[1])
        head.mean, head.variance = numbers[2 : 2 + size].copy(), numbers[2 + size : 2 + 2 * size].copy()
        head.info[upper] = numbers[2 + 2 * size :]
        head.info.T[upper] = numbers[2 + 2 * size :]
        at += 8 * len(numbers)
    return made


def inputs_of(x: np.ndarray, columns: Sequence[Column], positions: Sequence[int]) -> tuple[Input, ...]:
    """How these columns of x are read from now on: their mean and spread now; what never varies is left out."""
    made = []
    for column, position in zip(columns, positions, strict=True):
        value = x[:, position].astype(np.float64)
        known = value[np.isfinite(value)]
        missing = 1.0 - len(known) / max(len(value), 1)
        if not len(known):
            continue
        if column.kind == CATEGORY:
            shares = np.bincount(known.astype(np.intp), minlength=len(column.levels)) / len(value)
            made.append(Input(column, position, 0.0, 1.0, False, tuple(shares.tolist()), missing))
        elif known.std() > SEEN_LEAST * (1.0 + abs(known.mean())):
            made.append(Input(column, position, float(known.mean()), float(known.std()), False, (), missing))
    return tuple(made)


def scale_of(inputs: tuple[Input, ...], context: np.ndarray) -> Scale:
    """The scale of all columns: the features are standardised by `inputs`, the context by what it is now."""
    wide = sum(one.width for one in inputs)
    told = [one[np.isfinite(one)] for one in context.T.astype(np.float64)]
    mean = np.array([one.mean() if len(one) else 0.0 for one in told])
    sd = np.array([one.std() if len(one) else 0.0 for one in told])
    sd = np.where(sd > SEEN_LEAST, sd, 1.0)
    return Scale(np.r_[np.zeros(wide), mean].astype(np.float32), np.r_[np.ones(wide), sd].astype(np.float32))


def _any_layout(block: np.ndarray) -> Layout:
    """One combination is enough where only the sizes of blocks and levels matter."""
    first = np.array([[int(np.flatnonzero(block == one)[0]) for one in range(int(block.max()) + 1)]], np.intp)
    return Layout.numbered(first, block)
