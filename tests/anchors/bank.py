"""Bank Marketing without `duration`: a random 30 % that the model had not seen, then forward in time."""

import numpy as np

from personalize import fitting, tabletext, tabular
from personalize.learn import calibration, propensity
from personalize.learn.rows import Rows
from tests.anchors import Line, file

UNSEEN = 0.3
LEAK = 0.005  # so much above free trees on the same rows, a glass-box must be reading what it should not


def lines(scale: float) -> list[Line]:
    """Every line on the bank's data."""
    rows = bank()
    mixed = np.random.default_rng(1).permutation(len(rows.y))
    border = round(UNSEEN * len(mixed))
    test, train = mixed[:border], mixed[border:]
    model = propensity.fit(rows.some(train), seed=fitting.SEED).model
    ours = calibration.scores(rows.y[test], model.probability(rows.x[test]))
    free = calibration.scores(rows.y[test], free_trees(rows.x[train], rows.y[train], rows.x[test]))
    return random_split(ours, free)


def bank() -> Rows:
    """The file as rows, in its order. Raises NoData."""
    table = tabletext.read(file("bank_marketing_train.csv.gz"))
    y, _ = tabletext.outcomes(table.cells["y"])
    read = tabular.reading(table, without=["y", "duration", "row_id"])
    x, _ = tabular.matrix(table, read.columns, read.derived)
    return Rows(x, y, read.columns, tuple(range(len(read.columns))))


def free_trees(x: np.ndarray, y: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    """What scikit-learn's boosted trees say of the unseen rows when any number of features may meet in a tree."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return HistGradientBoostingClassifier(random_state=1).fit(x, y).predict_proba(unseen)[:, 1]


def random_split(ours: calibration.Scores, free: calibration.Scores) -> list[Line]:
    """The lines on unseen rows."""
    assert ours.auc is not None
    assert ours.lift is not None
    assert free.auc is not None
    where = f"random 30 %, {ours.n:,} rows"
    return [
        Line("bank", f"AUC, {where}", f"{ours.auc:.4f}", ">= .790",
             f"free trees here {free.auc:.4f}; elsewhere LightGBM .7948, HGB .7926, pairs .7878",
             ours.auc >= 0.790, "" if ours.auc < free.auc + LEAK else "Far above free trees: look for a leak."),
        Line("bank", f"log-loss, {where}", f"{ours.log_loss:.4f}", "<= .286",
             f"free trees here {free.log_loss:.4f}; LightGBM .2838", ours.log_loss <= 0.286),
        Line("bank", f"ECE15, {where}", f"{ours.ece:.4f}", "<= .012",
             f"free trees here {free.ece:.4f}; HGB isotonic .0088", ours.ece <= 0.012),
        Line("bank", f"lift at 10 %, {where}", f"{ours.lift:.2f}", ">= 4.3",
             f"free trees here {free.lift:.2f}; LightGBM 4.44", ours.lift >= 4.3),
    ]  # fmt: skip
