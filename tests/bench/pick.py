"""pick: one million clients, 48 variants, two heads and habits, the exact chance of each pick, on one core."""

import time
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from personalize.decide import draws, funnel, policy
from personalize.decide.funnel import SCALES, Heads, Layout, Reward, Seen, Weights
from tests.bench.vw import Wabbit

CLIENTS, FEATURES, PAIRS, ROWS = 1_000_000, 24, 5, 4_096
AT_LEAST = 300_000  # decisions a second
WABBITS = 1_000  # of its decisions are timed
REWARD = Reward(open=0.15, quality=0.0, harm=0.0)  # two heads, as the anchors were taken


def bench(scale: float) -> dict[str, Any]:
    """Decisions a second of CPU, from standardised columns to picks, and Vowpal Wabbit's squarecb in the same run."""
    n = max(10_000, int(CLIENTS * scale))
    levels = np.stack(np.meshgrid(range(4), range(4, 8), range(8, 11), indexing="ij"), axis=-1).reshape(-1, 3)
    layout, rng = Layout.of(levels), np.random.default_rng(0)
    heads = Heads(*(_weights(rng) for _ in range(4)), gain_scale=1.25)
    seen = Seen(
        np.column_stack([np.ones(n), rng.normal(size=(n, FEATURES))]).astype(np.float32),
        rng.random((n, len(SCALES), 11), np.float32),
        0.1 * rng.normal(size=(n, 12)).astype(np.float32),
    )
    wabbit = Wabbit(levels, seed=1, scale=(np.zeros(FEATURES), np.ones(FEATURES)))
    seconds, ratios = [], []
    with threadpool_limits(1):
        for turn in range(PAIRS):
            theirs = _wabbit(wabbit, rng, turn)
            began = time.process_time()
            arm, chance = _decide(layout, heads, seen, np.arange(n))
            seconds.append(time.process_time() - began)
            ratios.append(n / seconds[-1] / theirs)
        one = _single(layout, heads, seen)
    few = Seen(seen.u[:1000], seen.lately[:1000], seen.offsets[:1000])
    value = funnel.worth(layout, heads, few, REWARD)
    pi = policy.chances(value, np.ones(value.shape, bool), gamma=20_000.0)
    apart = float(np.abs(pi[np.arange(1000), arm[:1000]] - chance[:1000]).max())
    rate, ratio = n / sorted(seconds)[PAIRS // 2], sorted(ratios)[PAIRS // 2]
    return {
        "name": "pick",
        "ratio": round(ratio, 1),
        "spread": [round(min(ratios), 1), round(max(ratios), 1)],
        "target": f">= {AT_LEAST:,} decisions/s and >= 100 times Vowpal Wabbit; one <= 0.3 ms; chances equal to 1e-6",
        "met": rate >= AT_LEAST and ratio >= 100 and one <= 0.3e-3 and apart <= 1e-6,
        "decisions_per_s": round(rate),
        "one_decision_ms": round(one * 1e3, 4),
        "largest_difference": apart,
        "clients": n,
        "variants": len(levels),
    }


def _weights(rng: np.random.Generator) -> Weights:
    base = rng.normal(size=FEATURES + 1) * 0.1
    base[0] = -1.5
    own, repeat = rng.normal(size=(FEATURES + 1, 11)) * 0.1, rng.normal(size=(3, len(SCALES))) * 0.1
    return Weights(base.astype(np.float32), own.astype(np.float32), repeat.astype(np.float32))


def _decide(layout: Layout, heads: Heads, seen: Seen, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    arm, chance = np.empty(len(ids), np.intp), np.empty(len(ids))
    everything = np.ones((ROWS, len(layout.levels)), bool)
    for start in range(0, len(ids), ROWS):
        at = slice(start, start + ROWS)
        value = funnel.worth(layout, heads, Seen(seen.u[at], seen.lately[at], seen.offsets[at]), REWARD)
        picked = policy.pick(
            value, everything[: len(value)], gamma=20_000.0, draw=draws.uniform(7, ids[at], "bench")
        )  # fmt: skip
        arm[at], chance[at] = picked.arm, picked.propensity
    return arm, chance


def _single(layout: Layout, heads: Heads, seen: Seen) -> float:
    """The median time of one decision alone, in seconds."""
    taken = []
    for row in range(500):
        one = Seen(seen.u[row : row + 1], seen.lately[row : row + 1], seen.offsets[row : row + 1])
        began = time.process_time()
        _decide(layout, heads, one, np.array([row]))
        taken.append(time.process_time() - began)
    return sorted(taken)[len(taken) // 2]


def _wabbit(wabbit: Wabbit, rng: np.random.Generator, turn: int) -> float:
    """Its decisions a second, written as it wants to read them."""
    nothing = np.zeros(WABBITS)
    obs = {"day": turn, "client": np.arange(WABBITS), "X": rng.normal(size=(WABBITS, FEATURES)), "segment": nothing,
           "last_subject": nothing, "sends7": nothing, "opened_before": nothing, "sent_before": nothing}  # fmt: skip
    began = time.process_time()
    wabbit.decide(obs)
    return WABBITS / (time.process_time() - began)
