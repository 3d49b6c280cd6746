"""pick: one million clients among 48 variants with the exact chance of each pick, on one core."""

import time
from typing import Any

import numpy as np

from personalize.decide import draws, policy

CLIENTS, VARIANTS, PAIRS = 1_000_000, 48, 5
AT_LEAST = 300_000  # decisions a second


def bench(scale: float) -> dict[str, Any]:
    """Picks a second, and the time against one exponential of every value, which no choice by model goes without."""
    n = max(10_000, int(CLIENTS * scale))
    rng = np.random.default_rng(0)
    value = rng.random((n, VARIANTS), np.float32)
    allowed = rng.random((n, VARIANTS)) < 0.8
    ids = np.arange(n)
    ratios, seconds = [], []
    for _ in range(PAIRS):
        began = time.perf_counter()
        np.exp(value)
        floor = time.perf_counter() - began
        began = time.perf_counter()
        picked = policy.pick(value, allowed, gamma=2_000.0, draw=draws.uniform(7, ids, "bench"))
        seconds.append(time.perf_counter() - began)
        ratios.append(seconds[-1] / floor)
    one = _single(value, allowed)
    chances = policy.chances(value[:1000], allowed[:1000], gamma=2_000.0)
    same = bool((chances[np.arange(1000), picked.arm[:1000]] == picked.propensity[:1000]).all())
    rate = n / sorted(seconds)[PAIRS // 2]
    return {
        "name": "pick",
        "ratio": round(sorted(ratios)[PAIRS // 2], 2),
        "spread": [round(min(ratios), 2), round(max(ratios), 2)],
        "target": f">= {AT_LEAST:,} decisions/s; one decision <= 0.3 ms; the chance of each pick exact",
        "met": rate >= AT_LEAST and one <= 0.3e-3 and same,
        "decisions_per_s": round(rate),
        "one_decision_ms": round(one * 1e3, 4),
        "clients": n,
        "variants": VARIANTS,
    }


def _single(value: np.ndarray, allowed: np.ndarray) -> float:
    """The median time of one decision alone, in seconds."""
    taken = []
    for row in range(500):
        began = time.perf_counter()
        draw = draws.uniform(7, np.array([row]), "bench")
        policy.pick(value[row : row + 1], allowed[row : row + 1], gamma=2_000.0, draw=draw)
        taken.append(time.perf_counter() - began)
    return sorted(taken)[len(taken) // 2]
