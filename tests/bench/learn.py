"""learn: a whole stable update of all four heads and everyone's habits from one day of results, on one core."""

import time
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from personalize.decide.funnel import Layout, Reward
from personalize.learn.bandit import Bandit

DECISIONS, FEATURES, DAYS = 300_000, 24, 5
BLOCKS = (4, 4, 3)
AT_LEAST = 20_000


def bench(scale: float) -> dict[str, Any]:
    """Decisions learnt a second, and the time against one product Phi' Phi of the written-out design."""
    n = max(5_000, int(DECISIONS * scale))
    levels = np.stack(np.meshgrid(range(4), range(4, 8), range(8, 11), indexing="ij"), axis=-1).reshape(-1, 3)
    rng = np.random.default_rng(0)
    bandit = Bandit(Layout.of(levels), clients=n, columns=FEATURES, seed=1, reward=Reward())
    seconds, ratios = [], []
    with threadpool_limits(1):
        floor = _product(min(n, 30_000), FEATURES + 1, sum(BLOCKS), rng) * n / min(n, 30_000)
        for day in range(DAYS):
            decided = bandit.decide(day, np.arange(n), rng.normal(size=(n, FEATURES)))
            opened = np.flatnonzero(rng.random(n) < 0.2)
            came = opened[: len(opened) // 12]
            harmed = (rng.random(n) < 0.002).astype(float)
            y = np.zeros(n)
            y[opened] = 1.0
            gain, quality = rng.random(len(opened)), rng.random(len(came)) - 0.5
            began = time.process_time()
            bandit.learn_open(decided.rows, y, harmed)
            bandit.learn_gain(decided.rows.at(opened), gain)
            bandit.learn_quality(decided.rows.at(came), quality)
            seconds.append(time.process_time() - began)
            ratios.append(seconds[-1] / floor)
    rate = n / sorted(seconds)[DAYS // 2]
    return {
        "name": "learn",
        "ratio": round(sorted(ratios)[DAYS // 2], 2),
        "spread": [round(min(ratios), 2), round(max(ratios), 2)],
        "target": f">= {AT_LEAST:,} decisions/s, all heads, damped",
        "met": rate >= AT_LEAST,
        "decisions_per_s": round(rate),
        "decisions": n,
        "weights": len(bandit.open.mean),
        "largest_weight": round(float(np.abs(bandit.open.mean).max()), 2),
    }


def _product(n: int, columns: int, levels: int, rng: np.random.Generator) -> float:
    """Seconds for Phi' Phi of a design that is written out."""
    phi = rng.normal(size=(n, columns * (1 + levels)))
    began = time.process_time()
    phi.T @ phi
    return time.process_time() - began
