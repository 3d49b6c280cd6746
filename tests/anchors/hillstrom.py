"""Hillstrom's randomised e-mail test: a policy learnt on other rows, doubly robust, beside the best arm."""

from dataclasses import asdict

import numpy as np

from personalize import fitting, tabletext, tabular
from personalize.decide.score import Model
from personalize.learn import propensity
from personalize.learn.rows import Rows
from tests.anchors import LEARNING, Found, Job, Line, file, miss

ARMS = ("Mens E-Mail", "Womens E-Mail", "No E-Mail")
OUTCOMES = ("visit", "conversion", "spend")
FOLDS = 3
READS = (*LEARNING, "personalize/tabular.py", "tests/anchors/hillstrom.py")


def jobs(scale: float) -> list[Job]:
    """One, whatever the scale."""
    return [Job("hillstrom", lambda: {"lines": [asdict(one) for one in judged()]}, READS)]


def lines(found: Found) -> list[Line]:
    """Its lines."""
    return [Line(**one) for one in found["hillstrom"]["lines"]]


def judged() -> list[Line]:
    """Cross-fitted over the whole file: every row is judged by a policy and an outcome model of other rows."""
    table = tabletext.read(file("hillstrom_train.csv.gz"))
    read = tabular.reading(table, without=[*OUTCOMES, "segment", "row_id"])
    x, _ = tabular.matrix(table, read.columns, read.derived)
    arm = np.array([ARMS.index(cell) for cell in table.cells["segment"]])
    visit = np.array([float(cell) for cell in table.cells["visit"]])
    spend = np.array([float(cell) for cell in table.cells["spend"]])
    rows = Rows(x, visit, read.columns, tuple(range(len(read.columns))), choice=arm[:, None].astype(np.int16),
                slots=("email",), candidates=(ARMS,))  # fmt: skip
    worth, paid = np.empty((len(arm), len(ARMS))), np.empty((len(arm), len(ARMS)))
    chosen = np.empty(len(arm), np.intp)
    place = np.random.default_rng(1).permutation(len(arm)) % FOLDS
    for fold in range(FOLDS):
        test, train = place == fold, place != fold
        model = propensity.fit(rows.some(train), seed=fitting.SEED, method="linear").model
        guess = _guess(model, x[test])
        chosen[test] = guess.argmax(axis=1)
        worth[test] = _robust(guess, arm[test], visit[test])
        means = np.array([spend[train & (arm == one)].mean() for one in range(len(ARMS))])
        paid[test] = _robust(np.tile(means, (int(test.sum()), 1)), arm[test], spend[test])
    return _lines(worth, paid, chosen)


def _guess(model: Model, x: np.ndarray) -> np.ndarray:
    """The expected visit of every arm, (n, 3)."""
    return model.reward(x, 0)


def _robust(guess: np.ndarray, arm: np.ndarray, reward: np.ndarray) -> np.ndarray:
    """(n, 3) doubly robust worth of every arm for every row; each arm was drawn with chance 1/3."""
    found = guess.copy()
    row = np.arange(len(arm))
    found[row, arm] += len(ARMS) * (reward - guess[row, arm])
    return found


def _lines(worth: np.ndarray, paid: np.ndarray, chosen: np.ndarray) -> list[Line]:
    row, n = np.arange(len(chosen)), len(chosen)
    best, rich = int(worth.mean(axis=0).argmax()), int(paid.mean(axis=0).argmax())
    value = worth[row, chosen].mean()
    gain, gained = worth[row, chosen] - worth[:, best], paid[row, chosen] - paid[:, rich]
    low, high = gain.mean() - 1.96 * gain.std() / np.sqrt(n), gain.mean() + 1.96 * gain.std() / np.sqrt(n)
    shares = ", ".join(f"{name} {share:.0%}" for name, share in zip(ARMS, np.bincount(chosen, minlength=3) / n,
                                                                     strict=True))  # fmt: skip
    return [
        Line("hillstrom", f"visit, doubly robust, cross-fitted on {n:,} rows", f"{value:.4f}", ">= .179",
             f"best arm here {worth[:, best].mean():.4f}; on 30 %: Mens .1781, MABWiser .1834", value >= 0.179,
             f"It chooses {shares}." if value >= 0.179 else
             f"Misses by {0.179 - value:.4f}: the best arm itself has {worth[:, best].mean():.4f} on these rows, and "
             f"personal choice adds {gain.mean():+.4f}. It chooses {shares}."),
        Line("hillstrom", "policy minus best arm, lower 95 %", f"{low:+.4f} (to {high:+.4f})", "> -.004",
             "se of a paired difference .003", low > -0.004,
             miss(low, -0.004) or "No win is claimed: the interval holds 0." if low <= 0 <= high else ""),
        Line("hillstrom", "spend, policy minus best arm", f"{gained.mean():+.3f}", "> -.10",
             "MABWiser +.235 (luck); se .20", gained.mean() > -0.10),
    ]  # fmt: skip
