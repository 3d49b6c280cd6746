"""score: the compiled glass-box against scikit-learn's predict of the same trees and ONNX Runtime, one thread each."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from personalize.decide.features import NUMBER, Column
from personalize.decide.score import Model
from personalize.learn import tables
from personalize.learn.rows import Rows, inputs_of
from personalize.learn.tables import Grown

ROWS, FEATURES, PAIRS = 200_000, 40, 5
SETTINGS = tables.Settings(rounds=100, leaves=31, pairs=tuple((i, i + 1) for i in range(0, 20, 2)))
AT_LEAST = 10


def bench(scale: float) -> dict[str, Any]:
    """How many times faster the tables are than the faster of the two; all see the same numbers."""
    grown, model, x, _ = glass_box(max(5_000, int(ROWS * scale)))
    # ONNX trees know 32-bit numbers only: rows that are such numbers already fall on the same side of every threshold.
    x = x.astype(np.float32).astype(np.float64)
    onnx = _onnx(grown, x.astype(np.float32))
    found: dict[str, list[float]] = {"scikit-learn": [], "onnx": []}
    seconds = []
    with threadpool_limits(1):
        for _ in range(PAIRS):
            took = {"scikit-learn": _timed(lambda: grown.log_odds(x)), "onnx": _timed(onnx)}
            seconds.append(_timed(lambda: model.main(x)))
            for name, one in took.items():
                found[name].append(one / seconds[-1])
    apart = float(np.abs(grown.log_odds(x) - model.main(x)).max())
    median = {name: sorted(ratios)[PAIRS // 2] for name, ratios in found.items()}
    faster = min(median, key=median.__getitem__)
    return {
        "name": "score",
        "ratio": round(median[faster], 2),
        "spread": [round(min(found[faster]), 2), round(max(found[faster]), 2)],
        "target": f">= {AT_LEAST} times as fast as the faster of scikit-learn and ONNX Runtime, same numbers to 1e-9",
        "met": median[faster] >= AT_LEAST and apart < 1e-9,
        "against": {name: round(one, 2) for name, one in median.items()},
        "rows_per_s": round(len(x) / sorted(seconds)[PAIRS // 2]),
        "largest_difference": apart,
        "rows": len(x),
        "terms": len(model.terms),
    }


def glass_box(n: int) -> tuple[Grown, Model, np.ndarray, np.ndarray]:
    """100 trees over 40 numbers and ten pairs, the same compiled, and n rows (x, y) to score."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(max(n, 20_000), FEATURES))
    y = (rng.random(len(x)) < 1 / (1 + np.exp(1 - x[:, 0] - 0.5 * x[:, 2] * x[:, 3]))).astype(float)
    columns = tuple(Column(f"f{i}", NUMBER) for i in range(FEATURES))
    rows = Rows(x[:20_000], y[:20_000], columns, tuple(range(FEATURES)))
    inputs = inputs_of(rows)
    grown = tables.grow(inputs, rows.x, rows.y, settings=SETTINGS, seed=1)
    return grown, tables.compiled(inputs, grown, rows.x), x[:n], y[:n]


def _onnx(grown: Grown, x: np.ndarray) -> Callable[[], object]:
    """The same trees in ONNX Runtime on one thread; written node by node, because skl2onnx gives booleans for ints."""
    import onnxruntime
    from onnx import TensorProto, helper

    told: dict[str, list[Any]] = {name: [] for name in (
        "nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_modes", "nodes_values", "nodes_truenodeids",
        "nodes_falsenodeids", "nodes_missing_value_tracks_true", "target_treeids", "target_nodeids", "target_ids",
        "target_weights")}  # fmt: skip
    for tree, (one,) in enumerate(grown.trees[0]._predictors):
        for number, node in enumerate(one.nodes):
            leaf = bool(node["is_leaf"])
            for name, value in (
                ("treeids", tree), ("nodeids", number), ("featureids", 0 if leaf else int(node["feature_idx"])),
                ("modes", "LEAF" if leaf else "BRANCH_LEQ"), ("values", 0.0 if leaf else float(node["num_threshold"])),
                ("truenodeids", 0 if leaf else int(node["left"])), ("falsenodeids", 0 if leaf else int(node["right"])),
                ("missing_value_tracks_true", int(node["missing_go_to_left"])),
            ):  # fmt: skip
                told[f"nodes_{name}"].append(value)
            if leaf:
                for name, value in (("treeids", tree), ("nodeids", number), ("ids", 0), ("weights", node["value"])):
                    told[f"target_{name}"].append(float(value) if name == "weights" else value)
    base = float(np.ravel(grown.trees[0]._baseline_prediction)[0])
    node = helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=1,
                            base_values=[base], **told)  # fmt: skip
    graph = helper.make_graph(
        [node], "trees", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, x.shape[1]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
    )  # fmt: skip
    made = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("ai.onnx.ml", 3)])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    # Its thresholds have 32 bits as well, so a row in a thousand may fall on the other side of one.
    if np.quantile(np.abs(session.run(None, {"x": x[:5_000]})[0][:, 0] - grown.log_odds(x[:5_000])), 0.95) > 1e-5:
        raise AssertionError("ONNX Runtime was given other trees")
    return lambda: session.run(None, {"x": x})


def _timed(work: Callable[[], object]) -> float:
    """CPU seconds: neighbours on the machine do not count, and everything here runs on one thread."""
    began = time.process_time()
    work()
    return time.process_time() - began
