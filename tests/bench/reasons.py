"""reasons: the exact part of every feature of the glass-box against TreeSHAP of free trees of the same size."""

import time
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from tests.bench.score import FEATURES, SETTINGS, glass_box

ROWS, EXPLAINED, PAIRS = 200_000, 300, 5
AT_LEAST = 300


def bench(scale: float) -> dict[str, Any]:
    """Explained rows a second, each on as many rows as it can take; both models have 100 trees of up to 16 leaves.

    TreeSHAP's time grows with the rows alone, so a few hundred rows tell its rate.
    """
    import shap

    n = max(20_000, int(ROWS * scale))
    _, model, x, y = glass_box(n)
    with threadpool_limits(1):
        free = HistGradientBoostingClassifier(
            max_iter=SETTINGS.rounds, max_leaf_nodes=SETTINGS.leaves, early_stopping=False, random_state=1
        ).fit(x[:20_000], y[:20_000])
        explainer = shap.TreeExplainer(free)
        ratios, seconds = [], []
        for _ in range(PAIRS):
            began = time.perf_counter()
            explainer.shap_values(x[:EXPLAINED])
            theirs = (time.perf_counter() - began) / EXPLAINED
            began = time.perf_counter()
            parts = model.contributions(x)
            seconds.append((time.perf_counter() - began) / n)
            ratios.append(theirs / seconds[-1])
    apart = float(np.abs(model.base + parts.sum(axis=1) - model.main(x)).max())
    return {
        "name": "reasons",
        "ratio": round(sorted(ratios)[PAIRS // 2], 1),
        "spread": [round(min(ratios), 1), round(max(ratios), 1)],
        "target": f">= {AT_LEAST} times as fast as TreeSHAP, parts sum to the score to 1e-9",
        "met": sorted(ratios)[PAIRS // 2] >= AT_LEAST and apart < 1e-9,
        "rows_per_s": round(1 / sorted(seconds)[PAIRS // 2]),
        "largest_difference": apart,
        "rows": n,
        "features": FEATURES,
    }
