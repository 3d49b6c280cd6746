"""Off-policy estimates on the Open Bandit log, beside the published figures."""

import csv
import gzip
from dataclasses import asdict
from typing import Any

import numpy as np

from personalize.learn import offpolicy
from personalize.learn.offpolicy import Log
from tests import anchors
from tests.anchors import LEARNING, Found, Job, Line

SIX = 5.1e-7  # half of the last published digit
# group: what the Open Bandit Pipeline 0.4.1 gives for pi ~ exp(standardised item_feature_0), and the rows' worth
PUBLISHED = {
    "men": ({"ips": 0.003425, "snips": 0.003381, "dm": 0.003768, "dr": 0.003344, "sndr": 0.003349,
             "switch-dr": 0.003344}, 2_695),
    "women": ({"ips": 0.004923, "snips": 0.005148, "dm": 0.004974, "dr": 0.005234, "sndr": 0.005246,
               "switch-dr": 0.005091}, 859),
}  # fmt: skip
MODEL_FREE = ("ips", "snips")
READS = (*LEARNING, "tests/anchors/ope.py")
PRIOR, FOLDS = 120.0, 10


def jobs(scale: float) -> list[Job]:
    """A group each, whatever the scale."""
    return [Job(f"open bandit {group}", lambda group=group: judged(group), READS) for group in PUBLISHED]


def lines(found: Found) -> list[Line]:
    """Estimates that need no outcome model are equal to 1e-6; the others depend on a model that nobody published."""
    return [Line(**one) for name in sorted(found) for one in found[name]["lines"]]


def judged(group: str) -> dict[str, Any]:
    """One group's estimates beside the published ones."""
    return {"lines": [asdict(one) for one in _group(group, *PUBLISHED[group])]}


def _group(group: str, wanted: dict[str, float], ess: int) -> list[Line]:
    report = offpolicy.judge(read(group))
    told = [
        Line("ope", f"Open Bandit {group}, effective rows", f"{report.ess:,.0f}", f"{ess:,}", f"obp {ess:,}",
             round(report.ess) == ess)
    ]  # fmt: skip
    for name, value in wanted.items():
        found = report.value(name)
        is_free = name in MODEL_FREE
        why = "" if is_free else (
            f"{found - value:+.7f}: which outcome model the published figure had is not known; ours is each item's "
            "clicks on the other folds, shrunk. Tests hold the formula to row-by-row sums, to 1e-12."
        )  # fmt: skip
        aim = f"{value:.6f} to 1e-6"
        told.append(
            Line("ope", f"Open Bandit {group}, {name}", f"{found:.6f}", aim, f"obp {value:.6f}",
                 abs(found - value) < SIX, why)
        )  # fmt: skip
    return told


def read(group: str) -> Log:
    """The random log of a group with its target and a cross-fitted outcome model. Raises NoData."""
    with gzip.open(anchors.file(f"open_bandit_items_{group}.csv.gz"), "rt") as text:
        feature = np.array([float(row["item_feature_0"]) for row in csv.DictReader(text)])
    with gzip.open(anchors.file(f"open_bandit_random_{group}.csv.gz"), "rt") as text:
        rows = [(int(row["item_id"]), float(row["click"]), float(row["propensity_score"]))
                for row in csv.DictReader(text)]  # fmt: skip
    arm, reward, propensity = (np.array(one) for one in zip(*rows, strict=True))
    pi = np.exp((feature - feature.mean()) / feature.std())
    expected = np.empty((len(arm), len(pi)))
    fold = np.arange(len(arm)) * FOLDS // len(arm)
    for one in range(FOLDS):
        some = fold != one
        clicks = np.bincount(arm[some], reward[some], len(pi))
        shown = np.bincount(arm[some], minlength=len(pi))
        expected[fold == one] = (clicks + PRIOR * reward[some].mean()) / (shown + PRIOR)
    return Log(arm, reward, propensity, np.tile(pi / pi.sum(), (len(arm), 1)), expected)
