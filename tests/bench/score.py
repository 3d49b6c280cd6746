"""score: the compiled glass-box against scikit-learn's predict of the same trees, one thread each, same numbers."""

import time
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from personalize.decide.features import NUMBER, Column
from personalize.learn import tables
from personalize.learn.rows import Rows, inputs_of

ROWS, FEATURES, PAIRS = 200_000, 40, 5
SETTINGS = tables.Settings(rounds=100, pairs=tuple((i, i + 1) for i in range(0, 20, 2)))


def bench(scale: float) -> dict[str, Any]:
    """How many times faster the tables are than the trees they were made from; both on float64."""
    rng = np.random.default_rng(1)
    n = max(5_000, int(ROWS * scale))
    x = rng.normal(size=(n, FEATURES))
    y = (rng.random(n) < 1 / (1 + np.exp(1 - x[:, 0] - 0.5 * x[:, 2] * x[:, 3]))).astype(float)
    columns = tuple(Column(f"f{i}", NUMBER) for i in range(FEATURES))
    rows = Rows(x[:20_000], y[:20_000], columns, tuple(range(FEATURES)))
    inputs = inputs_of(rows)
    grown = tables.grow(inputs, rows.x, rows.y, settings=SETTINGS, seed=1)
    model = tables.compiled(inputs, grown, rows.x)
    ratios, seconds = [], []
    with threadpool_limits(1):
        for _ in range(PAIRS):
            began = time.perf_counter()
            theirs = grown.log_odds(x)
            floor = time.perf_counter() - began
            began = time.perf_counter()
            ours = model.main(x)
            seconds.append(time.perf_counter() - began)
            ratios.append(floor / seconds[-1])
    apart = float(np.abs(theirs - ours).max())
    return {
        "name": "score",
        "ratio": round(sorted(ratios)[PAIRS // 2], 2),
        "spread": [round(min(ratios), 2), round(max(ratios), 2)],
        "target": ">= 10 times as fast as scikit-learn, same numbers to 1e-9",
        "met": sorted(ratios)[PAIRS // 2] >= 10 and apart < 1e-9,
        "rows_per_s": round(n / sorted(seconds)[PAIRS // 2]),
        "largest_difference": apart,
        "rows": n,
        "terms": len(model.terms),
    }
