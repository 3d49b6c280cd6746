"""A simulated firm for the engine: fatigue, novelty, delayed outcomes, urgency that buys clicks and costs outcomes.

Nothing here is estimated from a real firm; sizes are chosen, and several worlds keep the engine from fitting one.
Policies are compared by what they would be expected to bring under the truth, which no policy but an oracle sees.
"""

from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

SEGMENTS = 6
HARM, QUALITY = 5.0, 2.0  # value = accesses (1 + 2 quality) - 5 opt-outs


@dataclass(frozen=True, slots=True)
class Kind:
    """What sort of firm. Sizes are standard deviations of log-odds unless said otherwise."""

    features: int = 24
    blocks: tuple[int, ...] = (4, 4, 3)  # levels of each block; the last level of the last block presses for time
    relevant: float = 0.3  # share of features that matter
    main: float = 0.15
    fit: float = 0.2
    bent: float = 0.25  # of what no linear model sees
    taste: float = 0.2  # private, by level
    novelty: float = 0.25  # what a repeated subject loses
    fades: float = 5.0  # days
    fatigue: float = 0.12  # for each send of the last 7 days
    opens: float = -1.4
    outcome_days: int = 30
    drift: float = 0.0  # of tastes, each day
    missing: float = 0.0
    rate: float = 0.33  # decisions per client and day


KINDS = {
    "medium": Kind(),
    "low": Kind(fit=0.13, taste=0.13, main=0.1, novelty=0.15),
    "high": Kind(fit=0.35, taste=0.3, main=0.2, novelty=0.35),
    "odd": Kind(
        features=60, blocks=(3, 5, 2, 2), relevant=0.1, fades=12.0, drift=0.02, missing=0.15, rate=0.2, opens=-2.0
    ),
    "small": Kind(features=6, blocks=(3, 2, 2), relevant=0.5, rate=0.5),
    "plain": Kind(features=5, blocks=(6, 2), relevant=1.0, novelty=0.0, fatigue=0.03, bent=0.0),
}


class World:
    """One firm and its clients; every policy is run on its own copy (same seed, same truth)."""

    def __init__(self, kind: Kind, *, clients: int, seed: int) -> None:
        self.kind, self.n = kind, clients
        rng = self.rng = np.random.default_rng(seed)
        starts = np.concatenate([[0], np.cumsum(kind.blocks)])
        self.levels = np.array(
            [[starts[b] + one for b, one in enumerate(pick)] for pick in product(*map(range, kind.blocks))]
        )
        self.n_levels = int(starts[-1])
        self.urgent_level = self.n_levels - 1
        f, relevant = kind.features, max(2, int(kind.relevant * kind.features))
        x = rng.normal(size=(clients, f))
        x[:, : f // 3] = (x[:, : f // 3] > 0.5).astype(float)
        x[:, f // 3 : f // 2] = np.exp(x[:, f // 3 : f // 2] * 0.6)
        self.x, z = x, (x - x.mean(0)) / x.std(0)
        use = rng.choice(f, relevant, replace=False)
        bends = np.tanh(z[:, use] @ rng.normal(size=(relevant, 8)) / np.sqrt(relevant) * 1.5) ** 2
        bends = (bends - bends.mean(0)) / bends.std(0)

        def fit(size: float) -> np.ndarray:
            straight = z[:, use] @ rng.normal(size=(relevant, self.n_levels)) / np.sqrt(relevant)
            curved = bends @ rng.normal(size=(8, self.n_levels)) / np.sqrt(8)
            return size * straight + size * kind.bent / 0.35 * curved

        def base(size: float) -> np.ndarray:
            return size * z[:, use] @ rng.normal(size=relevant) / np.sqrt(relevant)

        self.segment = ((z[:, use[0]] > 0).astype(int) * 3 + np.digitize(z[:, use[1]], [-0.5, 0.5])) % SEGMENTS
        main = rng.normal(size=self.n_levels) * kind.main
        self.taste = kind.taste * rng.normal(size=(clients, self.n_levels))
        self.open_base = kind.opens + base(0.5) + 0.4 * rng.normal(size=clients)
        self.open_level = main + fit(kind.fit)
        self.click_base = -0.9 + base(0.3) + 0.3 * rng.normal(size=clients)
        self.click_level = rng.normal(size=self.n_levels) * kind.main + fit(kind.fit)
        self.access_base = -1.0 + base(0.3)
        self.access_level = 0.5 * fit(kind.fit)
        self.quality_level = rng.normal(size=self.n_levels) * 0.1 + fit(0.12)
        self.quality_base = 0.2 + base(0.15)
        self.harm_base = -7.0 + base(0.3)
        self.harm_level = rng.normal(size=self.n_levels) * 0.1
        self.open_level[:, self.urgent_level] += 0.3
        self.click_level[:, self.urgent_level] += 0.6
        self.quality_level[:, self.urgent_level] -= 0.45
        self.harm_level[self.urgent_level] += 0.5
        self.mood = np.cumsum(rng.normal(size=400)) * 0.3
        self.mood_level = rng.normal(size=self.n_levels) * 0.1
        self.recent = np.zeros((clients, self.n_levels))
        self.sent: list[np.ndarray] = []
        self.last = np.full(clients, -20)
        self.last_subject = np.full(clients, -1)
        self.opened, self.sends = np.zeros(clients), np.zeros(clients)
        self.gone = np.zeros(clients, bool)
        member = np.zeros((self.n_levels, len(self.levels)))
        for variant, levels in enumerate(self.levels):
            member[levels, variant] = 1
        self.member = member

    def due(self, day: int) -> np.ndarray:
        """Who is decided about today."""
        return np.flatnonzero((self.rng.random(self.n) < self.kind.rate) & ~self.gone)

    def truth(self, day: int, who: np.ndarray) -> "Truth":
        """The expected results of every variant for these clients now."""
        week = sum(self.sent[-7:], np.zeros(self.n))[who]
        subject = self.recent[who] * (np.arange(self.n_levels) < self.kind.blocks[0])
        level = self.open_level[who] + self.taste[who] - self.kind.novelty * subject + self.mood[day] * self.mood_level
        return Truth(
            self.levels,
            self.member,
            open=(self.open_base[who] - self.kind.fatigue * week, level),
            click=(self.click_base[who], self.click_level[who] + 0.5 * self.taste[who]),
            access=(self.access_base[who], self.access_level[who]),
            quality=(self.quality_base[who], self.quality_level[who]),
            harm=(self.harm_base[who] + 0.25 * week, np.broadcast_to(self.harm_level, level.shape)),
        )

    def observed(self, day: int, who: np.ndarray) -> dict[str, Any]:
        """What a policy may see."""
        x = self.x[who].copy()
        if self.kind.missing:
            x[self.rng.random(x.shape) < self.kind.missing] = np.nan
        nothing = np.zeros(self.n)
        return {
            "day": day,
            "client": who,
            "X": x,
            "segment": self.segment[who],
            "market": self.mood[day],
            "sends7": sum(self.sent[-7:], nothing)[who],
            "sends14": sum(self.sent[-14:], nothing)[who],
            "days_since": day - self.last[who],
            "last_subject": self.last_subject[who],
            "opened_before": self.opened[who],
            "sent_before": self.sends[who],
        }

    def play(self, day: int, who: np.ndarray, action: np.ndarray, truth: "Truth") -> dict[str, np.ndarray]:
        """What really happens."""
        sent = action >= 0
        rows = np.flatnonzero(sent)
        client, variant = who[rows], action[rows]
        true = truth.of(rows, variant)
        opened = self.rng.random(len(rows)) < true.open
        click = opened & (self.rng.random(len(rows)) < true.click)
        access = click & (self.rng.random(len(rows)) < true.access)
        harm = self.rng.random(len(rows)) < true.harm
        quality = np.clip(true.quality + 0.35 * self.rng.normal(size=len(rows)), -1, 1)
        self.recent *= np.exp(-1 / self.kind.fades)
        self.recent[client[:, None], self.levels[variant]] += 1
        today = np.zeros(self.n)
        today[client] = 1
        self.sent.append(today)
        self.last[client], self.last_subject[client] = day, self.levels[variant, 0]
        self.sends[client] += 1
        self.opened[client] += opened
        self.gone[client[harm]] = True
        if self.kind.drift:
            keep = np.sqrt(1 - self.kind.drift**2)
            self.taste = keep * self.taste + self.kind.drift * self.kind.taste * self.rng.normal(size=self.taste.shape)
        return {"row": rows, "client": client, "action": variant, "open": opened, "click": click, "access": access,
                "unsub": harm, "quality": quality}  # fmt: skip


def _p(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


@dataclass(frozen=True, slots=True)
class Expected:
    """Arrays of one shape: click given an open, access given a click."""

    open: np.ndarray
    click: np.ndarray
    access: np.ndarray
    quality: np.ndarray
    harm: np.ndarray

    @property
    def accesses(self) -> np.ndarray:
        """Of a mail."""
        return self.open * self.click * self.access

    @property
    def engagement(self) -> np.ndarray:
        """.15 an open, .25 a click, 1 an access."""
        return self.open * (0.15 + self.click * (0.25 + self.access))

    @property
    def value(self) -> np.ndarray:
        """What it is worth to the client."""
        return self.accesses * (1 + QUALITY * self.quality) - HARM * self.harm


@dataclass(frozen=True, slots=True)
class Truth:
    """What is expected of n clients: for each result what is the client's (n,), and what each level adds (n, L).

    Only an oracle needs every variant; what happened is asked of what was sent, which costs a fiftieth.
    """

    levels: np.ndarray
    member: np.ndarray
    open: tuple[np.ndarray, np.ndarray]
    click: tuple[np.ndarray, np.ndarray]
    access: tuple[np.ndarray, np.ndarray]
    quality: tuple[np.ndarray, np.ndarray]
    harm: tuple[np.ndarray, np.ndarray]

    def of(self, rows: np.ndarray, variant: np.ndarray) -> Expected:
        """Of the variant that each of these rows was sent: (m,)."""
        at = (rows[:, None], self.levels[variant])
        return _expected(*(base[rows] + level[at].sum(axis=1) for base, level in self._parts()))

    def whole(self) -> Expected:
        """Of every variant: (n, V)."""
        return _expected(*(base[:, None] + level @ self.member for base, level in self._parts()))

    def _parts(self) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        return self.open, self.click, self.access, self.quality, self.harm


def _expected(opens: np.ndarray, click: np.ndarray, access: np.ndarray, good: np.ndarray, harm: np.ndarray) -> Expected:
    return Expected(_p(opens), _p(click), _p(access), np.clip(good, -1, 1), _p(harm))


@dataclass(slots=True)
class Sums:
    """Expected totals under the truth."""

    names = ("sends", "opens", "accesses", "engagement", "value", "unsub", "good", "urgent")
    by_day: list[tuple[float, ...]] = field(default_factory=list)

    def add(self, truth: Truth, action: np.ndarray, urgent: np.ndarray) -> None:
        rows = np.flatnonzero(action >= 0)
        true = truth.of(rows, action[rows])
        accesses = true.accesses
        each = (np.ones(len(rows)), true.open, accesses, true.engagement, true.value, true.harm,
                accesses * true.quality, urgent[action[rows]])  # fmt: skip
        self.by_day.append(tuple(float(one.sum()) for one in each))

    def total(self, last: int | None = None) -> dict[str, float]:
        days = np.array(self.by_day)[-last if last else 0 :].sum(axis=0)
        return dict(zip(self.names, days.tolist(), strict=True))


def run(world: World, policy: Any, *, days: int) -> Sums:
    """A policy on a firm: `policy.decide(obs, truth)` and `policy.learn(day, events)`."""
    sums, waiting = Sums(), []
    urgent = (world.levels == world.urgent_level).any(axis=1)
    for day in range(days):
        policy.learn(day, _known(world, waiting, day))
        who = world.due(day)
        obs, truth = world.observed(day, who), world.truth(day, who)
        action, _ = policy.decide(obs, truth)
        sums.add(truth, action, urgent)
        waiting.append((day, world.play(day, who, action, truth)))
    return sums


def _known(world: World, waiting: list[tuple[int, dict[str, np.ndarray]]], day: int) -> list[dict[str, Any]]:
    """The events that have come in by the morning of a day."""
    events: list[dict[str, Any]] = []
    for sent, one in waiting:
        if sent == day - 1:
            events.append(
                {"kind": "open", "day": sent, **{k: one[k] for k in ("client", "action", "open", "unsub", "row")}}
            )
        if sent == day - 7:
            value = 0.05 * one["click"] + one["access"]
            events.append({
                "kind": "engage", **{k: one[k] for k in ("client", "action", "open", "unsub", "row")},
                "reward_open": 0.25 * one["click"] + one["access"], "reward_value": value,
                "reward": value, "segment": world.segment[one["client"]],
            })  # fmt: skip
        if sent == day - 7 - world.kind.outcome_days and one["access"].any():
            good = one["access"]
            events.append(
                {
                    "kind": "outcome",
                    "sent_day": sent,
                    **{k: one[k][good] for k in ("client", "action", "quality", "row")},
                }
            )
    return events


class Uniform:
    """Any variant."""

    def __init__(self, world: World, seed: int) -> None:
        self.rng, self.variants = np.random.default_rng(seed), len(world.levels)

    def decide(self, obs: dict[str, Any], truth: Truth) -> tuple[np.ndarray, np.ndarray]:
        n = len(obs["client"])
        return self.rng.integers(0, self.variants, n), np.full(n, 1 / self.variants)

    def learn(self, day: int, events: list[dict[str, Any]]) -> None:
        """Nothing."""


class Segmented(Uniform):
    """A well-run campaign: a fortnight of tests, then for each segment its two best subjects by turns."""

    def __init__(self, world: World, seed: int) -> None:
        super().__init__(world, seed)
        self.levels, self.segment, self.best = world.levels, world.segment, None
        self.seen = np.zeros((2, SEGMENTS, len(world.levels)))

    def learn(self, day: int, events: list[dict[str, Any]]) -> None:
        for one in events:
            if one["kind"] == "engage":
                at = (self.segment[one["client"]], one["action"])
                np.add.at(self.seen[0], at, 0.15 * one["open"] + one["reward_open"])
                np.add.at(self.seen[1], at, 1.0)
        if day % 7 == 0 and day >= 14:
            whole = (self.seen[0].sum(0) + 0.05 * 20) / (self.seen[1].sum(0) + 20)
            rate = (self.seen[0] + 30 * whole) / (self.seen[1] + 30)
            first = rate.argmax(axis=1)
            others = np.where(self.levels[first, 0][:, None] == self.levels[:, 0], -1, rate)
            self.best = np.stack([first, others.argmax(axis=1)], axis=1)

    def decide(self, obs: dict[str, Any], truth: Truth) -> tuple[np.ndarray, np.ndarray]:
        explored, chance = super().decide(obs, truth)
        if self.best is None:
            return explored, chance
        turn = (obs["sent_before"].astype(int)) % 2
        return self.best[obs["segment"], turn], np.ones(len(turn))


class Oracle(Uniform):
    """Knows the truth of today; `of` is "engagement" or "value"."""

    def __init__(self, of: str) -> None:
        self.of = of

    def decide(self, obs: dict[str, Any], truth: Truth) -> tuple[np.ndarray, np.ndarray]:
        best = getattr(truth.whole(), self.of).argmax(axis=1)
        return best, np.ones(len(best))


class Driven:
    """The product's engine, which sees observations and events only."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.learn = engine.learn

    def decide(self, obs: dict[str, Any], truth: Truth) -> tuple[np.ndarray, np.ndarray]:
        return self.engine.decide(obs)
