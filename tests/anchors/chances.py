"""Logged probabilities: found again by the formula alone, and what they say of a uniform policy beside the truth."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from personalize.decide.funnel import worth
from tests.anchors import LEARNING, Found, Job, Line
from tests.bench import firm_world
from tests.bench.firm_world import KINDS, Truth, World
from tests.bench.policy_adaptor import Engine

CLIENTS, DAYS, SEED = 2_000, 60, 3
CLOSE, MOST_Z = 1e-6, 3.0


def jobs(scale: float) -> list[Job]:
    """One firm, whatever the scale."""
    reads = (*LEARNING, "tests/anchors/chances.py", "tests/bench/firm_world.py", "tests/bench/policy_adaptor.py")
    return [Job("chances", found, reads)]


@dataclass(slots=True)
class _Watched:
    """The engine, with each day's probabilities computed again by another way and weighed for a uniform policy."""

    engine: Engine
    apart: float = 0.0
    checked: int = 0
    weight: list[np.ndarray] = field(default_factory=list)
    earned: list[np.ndarray] = field(default_factory=list)
    true: list[np.ndarray] = field(default_factory=list)

    def learn(self, day: int, events: list[dict[str, Any]]) -> None:
        """As the engine learns."""
        self.engine.learn(day, events)

    def decide(self, obs: dict[str, Any], truth: Truth) -> tuple[np.ndarray, np.ndarray]:
        """As the engine decides; then every probability again."""
        before = None
        if self.engine.bandit is not None:
            before = (self.engine.bandit.lately.copy(), self.engine.bandit.last.copy(), self.engine.bandit.typical)
        action, chance = self.engine.decide(obs)
        if before is not None:
            again = self._again(obs, action, before)
            self.apart = max(self.apart, float(np.abs(again - chance).max()))
            self.checked += len(chance)
        whole = truth.whole()
        self.weight.append(1 / whole.open.shape[1] / chance)
        self.earned.append(truth.of(np.arange(len(action)), action).open)
        self.true.append(whole.open.mean(axis=1))
        return action, chance

    def _again(
        self, obs: dict[str, Any], action: np.ndarray, before: tuple[np.ndarray, np.ndarray, float]
    ) -> np.ndarray:
        """1 / (K + gamma (best - S)) of what was not best, and what is left for the best: straight from the formula."""
        bandit = self.engine.bandit
        assert bandit is not None
        rows = self.engine.days[int(obs["day"])].rows
        lately, last = bandit.lately, bandit.last
        bandit.lately, bandit.last, typical = *before[:2], bandit.typical
        seen = bandit._seen(float(obs["day"]), rows.client, rows.raw)
        value = worth(bandit.layout, bandit.heads(), seen, bandit.reward)
        bandit.typical = before[2]
        gamma = bandit._gamma(value)
        bandit.lately, bandit.last, bandit.typical = lately, last, typical
        gap = value.max(axis=1, keepdims=True).astype(np.float64) - value
        share = 1 / (value.shape[1] + gamma * gap)
        best = value.argmax(axis=1)
        at = np.arange(len(best))
        share[at, best] = 0.0
        share[at, best] = 1 - share.sum(axis=1)
        return share[at, action]


def found() -> dict[str, Any]:
    """The largest difference, the mean weight of a uniform policy and its estimate of opens beside the truth."""
    world = World(KINDS["medium"], clients=CLIENTS, seed=SEED)
    engine = Engine(levels=world.levels, n_clients=CLIENTS, seed=SEED, objective="engagement", cadence=False)
    watched = _Watched(engine)
    firm_world.run(world, watched, days=DAYS)
    weight, earned, true = (np.concatenate(one) for one in (watched.weight, watched.earned, watched.true))
    each = weight * earned
    root = math.sqrt(len(weight))
    return {
        "apart": watched.apart, "checked": watched.checked, "mean_weight": float(weight.mean()),
        "weight_error": float(weight.std(ddof=1)) / root, "ips": float(each.mean()), "truth": float(true.mean()),
        "z": float((each.mean() - true.mean()) / (each.std(ddof=1) / root)),
    }  # fmt: skip


def lines(found: Found) -> list[Line]:
    """Three lines."""
    one = found["chances"]
    off = abs(one["mean_weight"] - 1) / one["weight_error"]
    return [
        Line("chances", f"probabilities of {one['checked']:,} decisions, again by the formula",
             f"apart by {one['apart']:.1e} at most", "<= 1e-6", "exact", one["apart"] <= CLOSE,
             "" if one["apart"] <= CLOSE else f"Over by {one['apart'] - CLOSE:.1e}."),
        Line("chances", "mean weight of a uniform policy",
             f"{one['mean_weight']:.4f} ± {1.96 * one['weight_error']:.4f}", "1 within the interval",
             "1.0192 ± .0381", off <= 1.96,
             "" if off <= 1.96 else f"{off:.1f} standard errors from 1."),
        Line("chances", "opens by a uniform policy, from the log", f"{one['ips']:.4f}, truth {one['truth']:.4f}",
             f"|z| < {MOST_Z:g}", "z .32", abs(one["z"]) < MOST_Z, f"z {one['z']:+.2f}."),
    ]  # fmt: skip
