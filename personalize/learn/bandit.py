"""The bandit whole: four heads, the clients' habits, what each had lately, and the choice with its probability.

Behind arrays: no database, no clock, no files. Numpy only.
"""

from dataclasses import dataclass

import numpy as np

from personalize.decide import cadence, draws, policy
from personalize.decide.funnel import SCALES, Heads, Layout, Reward, Scale, Seen, Weights, worth
from personalize.learn.habits import Habits
from personalize.learn.posterior import Batch, Posterior

ROWS = 8_192
ENOUGH_FOR_CADENCE = 1_000  # matured sends before the price of attention is believed
RESCALE_AT = (0, 100, 400, 1_600, 6_400)  # rows seen at which columns are standardised anew
# The rule-book's prior: until outcomes are known, what is opened more for its own sake is held to serve less well, by
# this much for each log-odd. Outcomes of a level overturn it.
CAUTION = 0.5
SAME_SIZE = 2.0  # a column's sd may be mistaken by this factor at first
GREED = 12.0  # inverse-gap weighting: gamma = GREED sqrt(matured) / typical reward


@dataclass(frozen=True, slots=True)
class Rows:
    """What a decision saw, kept until its results are in.

    raw (n, F) · client (n,) · variant (n,), -1 for not now · repeat (n, B, len(SCALES)) of the chosen levels
    """

    raw: np.ndarray
    client: np.ndarray
    variant: np.ndarray
    repeat: np.ndarray

    def at(self, rows: np.ndarray) -> "Rows":
        """Only these rows."""
        return Rows(self.raw[rows], self.client[rows], self.variant[rows], self.repeat[rows])


@dataclass(frozen=True, slots=True)
class Decided:
    """variant (n,), -1 for not now; propensity (n,) of exactly that, in (0, 1]; and what learning needs later."""

    variant: np.ndarray
    propensity: np.ndarray
    rows: Rows


class Bandit:
    """Decides and learns. Deterministic by seed; every probability is exact.

    pressure  the raw columns (week, fortnight, since) that a send changes, for cadence; None: always send
    """

    def __init__(
        self, layout: Layout, *, clients: int, columns: int, seed: int, reward: Reward,
        pressure: tuple[int, int, int] | None = None,
    ) -> None:  # fmt: skip
        self.layout, self.seed, self.reward, self.pressure = layout, seed, reward, pressure
        self.columns = columns
        self.scale = Scale(np.zeros(columns, np.float32), np.ones(columns, np.float32))
        self.open = Posterior(layout, columns + 1, logistic=True)
        self.gain = Posterior(layout, columns + 1, logistic=True)
        self.harm = Posterior(layout, columns + 1, logistic=True, first=0.1)
        self.quality = Posterior(layout, columns + 1, logistic=False, first=0.25)
        self.habits = Habits(clients, len(layout.block))
        self.lately = np.zeros((clients, len(SCALES), len(layout.block)), np.float32)
        self.last = np.zeros(clients, np.float32)
        self.gain_scale = 1.25
        self.matured = 0
        self.typical = 0.0
        self._moments = np.zeros((3, columns))
        self._rows_seen, self._rescaled, self._often = 0, 0, 0.3
        self._first_day: float | None = None
        self._active = np.zeros(clients, bool)

    def heads(self) -> Heads:
        """The snapshot that scoring reads."""
        opens, gain, quality = self.open.weights(), self.gain.weights(), self.quality.weights()
        cautious(quality, opens, gain, self.quality.unsure(), self.layout.block)
        return Heads(opens, gain, self.harm.weights(), quality, self.gain_scale)

    def grow(self, clients: int) -> None:
        """Room for more clients."""
        more = clients - len(self.last)
        if more > 0:
            self.habits.grow(clients)
            self.lately = np.concatenate([self.lately, np.zeros((more, *self.lately.shape[1:]), np.float32)])
            self.last = np.concatenate([self.last, np.zeros(more, np.float32)])
            self._active = np.concatenate([self._active, np.zeros(more, bool)])

    def decide(self, day: float, client: np.ndarray, raw: np.ndarray) -> Decided:
        """One choice for each client: client (n,) numbers, raw (n, F) columns, NaN where not known."""
        raw = np.asarray(raw, np.float32)
        self._look(day, client, raw)
        heads = self.heads()
        variant, chance = np.empty(len(client), np.intp), np.empty(len(client))
        repeat = np.empty((len(client), self.layout.levels.shape[1], len(SCALES)), np.float32)
        for start in range(0, len(client), ROWS):
            at = slice(start, start + ROWS)
            variant[at], chance[at], repeat[at] = self._decide(day, heads, client[at], raw[at])
        self._remember(day, client, variant)
        return Decided(variant, chance, Rows(raw, client, variant, repeat))

    def _decide(
        self, day: float, heads: Heads, client: np.ndarray, raw: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        seen = self._seen(day, client, raw)
        value = worth(self.layout, heads, seen, self.reward)
        everything = np.ones(value.shape, bool)
        stream = f"variant:{day}"
        gamma = self._gamma(value)
        picked = policy.pick(value, everything, gamma=gamma, draw=draws.uniform(self.seed, client, stream))
        variant, chance = picked.arm, picked.propensity
        repeat = _chosen(seen.lately, self.layout, variant)
        if self.pressure and self.matured >= ENOUGH_FOR_CADENCE:
            best = value.argmax(axis=1)
            pressure = cadence.Pressure(*self.pressure, often=self._often)
            cost = cadence.price(self.layout, heads, self.scale, seen, reward=self.reward, pressure=pressure, best=best)
            send = cadence.send_chance(value.max(axis=1), cost)
            goes = draws.uniform(self.seed, client, f"send:{day}") < send
            variant = np.where(goes, variant, -1)
            chance = np.where(goes, chance * send, 1.0 - send)
        return variant, chance, repeat

    def _gamma(self, value: np.ndarray) -> float:
        top = float(np.abs(value.max(axis=1)).mean()) if len(value) else 0.0
        self.typical = top if not self.typical else 0.9 * self.typical + 0.1 * top
        return GREED * float(min(self.matured, 100_000)) ** 0.5 / max(self.typical, 1e-6)

    def _seen(self, day: float, client: np.ndarray, raw: np.ndarray) -> Seen:
        age = np.maximum(day - self.last[client], 0.0)
        fade = np.exp(-age[:, None] / np.array(SCALES)).astype(np.float32)
        return Seen(self.scale.apply(raw), self.lately[client] * fade[:, :, None], self.habits.mean[client])

    def _remember(self, day: float, client: np.ndarray, variant: np.ndarray) -> None:
        sent = variant >= 0
        client, variant = client[sent], variant[sent]
        once = np.unique(client)
        age = np.maximum(day - self.last[once], 0.0)
        self.lately[once] *= np.exp(-age[:, None] / np.array(SCALES)).astype(np.float32)[:, :, None]
        self.last[once] = day
        for number in range(self.layout.levels.shape[1]):
            for scale in range(len(SCALES)):
                np.add.at(self.lately[:, scale], (client, self.layout.levels[variant, number]), 1.0)

    def _look(self, day: float, client: np.ndarray, raw: np.ndarray) -> None:
        """Keep running moments of the columns, and how often a client is decided about."""
        known = np.isfinite(raw)
        safe = np.where(known, raw, 0.0).astype(np.float64)
        self._moments += (known.sum(axis=0), safe.sum(axis=0), (safe**2).sum(axis=0))
        self._rows_seen += len(raw)
        self._active[client] = True
        self._first_day = day if self._first_day is None else self._first_day
        if day - self._first_day >= 5:
            lived = (day - self._first_day + 1) * max(int(self._active.sum()), 1)
            self._often = float(np.clip(self._rows_seen / lived, 0.01, 3.0))
        if self._rescaled < len(RESCALE_AT) and self._rows_seen > RESCALE_AT[self._rescaled]:
            while self._rescaled < len(RESCALE_AT) and self._rows_seen > RESCALE_AT[self._rescaled]:
                self._rescaled += 1
            self._rescale()

    def _rescale(self) -> None:
        count, total, squares = self._moments
        mean = total / np.maximum(count, 1)
        sd = np.sqrt(np.maximum(squares / np.maximum(count, 1) - mean**2, 0.0))
        sd = np.where((sd > 1e-6 * (1 + np.abs(mean))) & np.isfinite(sd), sd, 1.0)
        old, new = self.scale, Scale(mean.astype(np.float32), sd.astype(np.float32))
        turn = np.zeros((self.columns + 1, self.columns + 1))
        turn[0, 0] = 1.0
        turn[1:, 0] = (new.mean.astype(np.float64) - old.mean) / old.sd
        turn[np.arange(1, self.columns + 1), np.arange(1, self.columns + 1)] = new.sd.astype(np.float64) / old.sd
        # A column of quite another size than it seemed was clipped or flat before: what it taught is dropped.
        odd = np.abs(np.log(new.sd.astype(np.float64) / old.sd)) > np.log(SAME_SIZE)
        turn[1:][odd] = 0.0
        for head in (self.open, self.gain, self.harm, self.quality):
            if head.seen:
                head.rescaled(turn)
        self.scale = new

    def learn_open(self, rows: Rows, opened: np.ndarray, harmed: np.ndarray) -> None:
        """Next-day results: who opened (n,), and whom it drove away (n,)."""
        levels = self.layout.levels[rows.variant]
        known = self.habits.of(rows.client, levels)
        batch = self._batch(rows, opened, known)
        self.open.learn(batch)
        self.harm.learn(self._batch(rows, harmed))
        weights = self.open.weights()
        u = batch.u
        predicted = u @ weights.base + (weights.own.T[levels].sum(axis=1) * u).sum(axis=1)
        predicted += (rows.repeat * weights.repeat[None]).sum(axis=(1, 2))
        self.habits.learn(rows.client, levels, predicted, opened)
        self.matured += len(opened)

    def learn_gain(self, rows: Rows, gain: np.ndarray) -> None:
        """What came of opens within days: gain (n,) in [0, gain_scale]."""
        self.gain.learn(self._batch(rows, np.clip(gain / self.gain_scale, 0.0, 1.0)))

    def learn_quality(self, rows: Rows, quality: np.ndarray) -> None:
        """How good it turned out to be for those who came: quality (n,) in [-1, 1]."""
        self.quality.learn(self._batch(rows, quality))

    def shrink(self) -> None:
        """Learn the priors; once a week is enough."""
        for head in (self.open, self.gain, self.harm, self.quality):
            head.shrink()
        self.habits.shrink()

    def _batch(self, rows: Rows, y: np.ndarray, known: np.ndarray | None = None) -> Batch:
        return Batch(
            self.scale.apply(rows.raw), rows.variant, rows.repeat, y, np.zeros(len(y)) if known is None else known
        )


def cautious(
    quality: Weights, opens: Weights, gain: Weights, unsure: np.ndarray, block: np.ndarray, *, most: float = np.inf
) -> None:
    """Move, in place, the quality of levels opened and followed unlike the mean of their block, while unsure.

    most  the farthest it may move a level: where outcomes are never told, a prior alone must not decide
    """
    level = opens.own[0] + gain.own[0]
    mean = np.bincount(block, level) / np.maximum(np.bincount(block), 1)
    quality.own[0] -= np.clip(CAUTION * unsure * (level - mean[block]), -most, most)


def _chosen(lately: np.ndarray, layout: Layout, variant: np.ndarray) -> np.ndarray:
    """How lately the levels of these combinations were had: (n, B, len(SCALES))."""
    levels = layout.levels[variant]
    return np.take_along_axis(lately, np.repeat(levels[:, None, :], len(SCALES), axis=1), axis=2).transpose(0, 2, 1)
