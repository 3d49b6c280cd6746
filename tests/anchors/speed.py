"""Speeds of choosing and learning, by the benchmarks of the same names."""

import time
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from tests.anchors import LEARNING, Found, Job, Line, miss, over
from tests.bench import learn, pick, reasons, score

LEAST_PICKS, LEAST_TIMES, MOST_ONE_MS, MOST_BOTH_MS = 300_000, 100, 0.3, 2.0
LEAST_LEARNT, A_DAY, MOST_DAY_S = 20_000, 300_000, 20.0


def jobs(scale: float) -> list[Job]:
    """A benchmark each; the smaller scale keeps an answer of its own."""
    size = "" if scale >= 1 else f" at {scale:g}"
    benches = {"pick": pick, "learn": learn, "reasons": reasons}
    reads = {name: (*LEARNING, f"tests/bench/{name}.py", "tests/bench/score.py") for name in benches}
    told = [Job(name + size, lambda one=one: one.bench(min(scale, 1.0)), reads[name]) for name, one in benches.items()]
    return [*told, Job("one score", one_score, (*LEARNING, "tests/bench/score.py", "tests/anchors/speed.py"))]


def one_score() -> dict[str, Any]:
    """Milliseconds of CPU of the glass-box for one row alone, the median of 500."""
    _, model, x, _ = score.glass_box(20_000)
    taken = []
    with threadpool_limits(1):
        for row in range(500):
            one = np.ascontiguousarray(x[row : row + 1])
            began = time.process_time()
            model.main(one)
            taken.append(time.process_time() - began)
    return {"ms": 1e3 * sorted(taken)[len(taken) // 2]}


def lines(found: Found) -> list[Line]:
    """The lines of what has run."""
    by_name = {name.partition(" at ")[0]: one for name, one in found.items()}
    told = []
    if one := by_name.get("pick"):
        told += _picks(one)
    if (one := by_name.get("pick")) and (single := by_name.get("one score")):
        both = one["one_decision_ms"] + single["ms"]
        told.append(Line("speed", "one decision and one glass-box score", f"{both:.2f} ms", f"<= {MOST_BOTH_MS:g} ms",
                         "HGB via pandas 55 ms", both <= MOST_BOTH_MS, over(both, MOST_BOTH_MS)))  # fmt: skip
    if one := by_name.get("learn"):
        rate = one["decisions_per_s"]
        told.append(Line("speed", "decisions learnt a second, every head, damped", f"{rate:,}", f">= {LEAST_LEARNT:,}",
                         "20,000; VW 2,500", rate >= LEAST_LEARNT, miss(rate, LEAST_LEARNT)))  # fmt: skip
        day = A_DAY / rate
        told.append(Line("speed", f"a day of {A_DAY:,} sends learnt", f"{day:.1f} s", f"< {MOST_DAY_S:g} s", "13–15 s",
                         day < MOST_DAY_S, over(day, MOST_DAY_S)))  # fmt: skip
    if one := by_name.get("reasons"):
        told.append(Line("speed", "exact parts against TreeSHAP of a model of the same size",
                         f"{one['ratio']:,.0f} times", ">= 300 times", "TreeSHAP 8,000 rows/s", one["met"],
                         f"{one['rows_per_s']:,} rows a second, sums to {one['largest_difference']:.1e}."))  # fmt: skip
    return told


def _picks(one: dict[str, Any]) -> list[Line]:
    rate, ratio, alone = one["decisions_per_s"], one["ratio"], one["one_decision_ms"]
    where = f"{one['clients']:,} clients x {one['variants']} variants, one core"
    return [
        Line("speed", f"decisions a second with exact chances, {where}", f"{rate:,}", f">= {LEAST_PICKS:,}",
             "LinUCB 121,000 without chances", rate >= LEAST_PICKS, miss(rate, LEAST_PICKS)),
        Line("speed", "the same against Vowpal Wabbit in the same run", f"{ratio:,.0f} times",
             f">= {LEAST_TIMES} times", "VW 3,000/s", ratio >= LEAST_TIMES, miss(ratio, LEAST_TIMES)),
        Line("speed", "one decision alone, in the kernel", f"{alone:.3f} ms", f"<= {MOST_ONE_MS:g} ms",
             "VW .33 ms, MABWiser .65 ms", alone <= MOST_ONE_MS, over(alone, MOST_ONE_MS)),
    ]  # fmt: skip
