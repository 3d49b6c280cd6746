"""Off-policy estimates: the Open Bandit figures, hand-computed cases, and logs that cannot be used."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from personalize.learn import offpolicy
from personalize.learn.offpolicy import Log

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
PUBLISHED = {"men": (0.003425, 0.003381, 2_695), "women": (0.004923, 0.005148, 859)}


def open_bandit(group):
    with gzip.open(DATA / f"open_bandit_items_{group}.csv.gz", "rt") as text:
        feature = np.array([float(row["item_feature_0"]) for row in csv.DictReader(text)])
    with gzip.open(DATA / f"open_bandit_random_{group}.csv.gz", "rt") as text:
        rows = [(int(row["item_id"]), float(row["click"]), float(row["propensity_score"]))
                for row in csv.DictReader(text)]  # fmt: skip
    arm, reward, propensity = (np.array(one) for one in zip(*rows, strict=True))
    pi = np.exp((feature - feature.mean()) / feature.std())
    clicks = np.bincount(arm, reward, len(pi)) / np.bincount(arm, minlength=len(pi))
    n = len(arm)
    return Log(arm, reward, propensity, np.tile(pi / pi.sum(), (n, 1)), np.tile(clicks, (n, 1)))


@pytest.mark.skipif(not DATA.is_dir(), reason="the Open Bandit files are not beside this checkout")
@pytest.mark.parametrize("group", ["men", "women"])
def test_open_bandit_figures(group):
    log = open_bandit(group)
    ips, snips, ess = PUBLISHED[group]

    report = offpolicy.judge(log)

    assert (report.value("ips"), report.value("snips")) == pytest.approx((ips, snips), abs=5.1e-7)
    assert report.ess == pytest.approx(ess, abs=0.5)
    assert abs(report.mean_weight - 1) < 2.6 * report.weight_error


def test_every_estimator_by_hand():
    log = Log(
        arm=np.array([0, 1, 1]), reward=np.array([1.0, 0.0, 1.0]), propensity=np.array([0.5, 0.5, 0.05]),
        target=np.tile([0.25, 0.75], (3, 1)), expected=np.tile([0.4, 0.6], (3, 1)),
    )  # fmt: skip

    report = offpolicy.judge(log)

    # weights .5, 1.5, 15; the model expects .25 * .4 + .75 * .6 = .55; residuals .6, -.6, .4
    assert {one.name: one.value for one in report.estimates} == pytest.approx(
        {
            "ips": 15.5 / 3,
            "snips": 15.5 / 17,
            "dm": 0.55,
            "dr": 0.55 + (0.3 - 0.9 + 6) / 3,
            "sndr": 0.55 + 5.4 / 17,
            "switch-dr": 0.55 + (0.3 - 0.9) / 3,
        }
    )
    assert report.ess == pytest.approx(17**2 / (0.25 + 2.25 + 225))


@pytest.mark.parametrize(
    ("weight", "why"),
    [
        (np.zeros(400), "never took"),
        (np.r_[np.full(60, 10.0), np.zeros(540)], "overlap too little"),
        (np.r_[np.full(1, 300.0), np.ones(4_700)], "One decision alone"),
        (np.full(1_000, 0.5) + np.linspace(0, 0.01, 1_000), "should be 1"),
    ],
)
def test_a_log_that_overlaps_too_little_gives_no_answer(weight, why):
    reward = np.arange(len(weight)) % 2.0

    assert why in offpolicy.too_poor(offpolicy.weigh(weight, reward))
    assert offpolicy.too_poor(offpolicy.weigh(np.full(len(weight), 1.0), reward)) == ""


@pytest.mark.skipif(not DATA.is_dir(), reason="the Open Bandit files are not beside this checkout")
@pytest.mark.parametrize("group", ["men", "women"])
def test_doubly_robust_estimates_are_their_published_formulas(group):
    """Written out row by row, with an outcome model that is learnt on the other half."""
    log = open_bandit(group)
    fold, mean = np.arange(len(log.arm)) % 2, log.reward.mean()
    for half in (0, 1):
        arm, reward = log.arm[fold != half], log.reward[fold != half]
        clicks, shown = (np.bincount(arm, one, log.target.shape[1]) for one in (reward, None))
        log.expected[fold == half] = (clicks + 100 * mean) / (shown + 100)
    dm = dr = top = bottom = switched = 0.0
    for arm, reward, propensity, target, expected in zip(
        log.arm, log.reward, log.propensity, log.target, log.expected, strict=True
    ):
        w, base, residual = target[arm] / propensity, sum(target * expected), reward - expected[arm]
        dm, dr, top, bottom = dm + base, dr + base + w * residual, top + w * residual, bottom + w
        switched += base + (w * residual if w <= 10 else 0.0)
    n = len(log.arm)

    report = offpolicy.judge(log)

    assert [report.value(name) for name in ("dm", "dr", "sndr", "switch-dr")] == pytest.approx(
        [dm / n, dr / n, dm / n + top / bottom, switched / n], abs=1e-12
    )


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(5)
    truth, covered = np.array([0.1, 0.3]), {"ips": 0, "snips": 0, "dr": 0}
    for _ in range(300):
        arm = (rng.random(2_000) < 0.3).astype(int)
        reward = (rng.random(2_000) < truth[arm]).astype(float)
        log = Log(arm, reward, np.where(arm == 1, 0.3, 0.7), np.tile([0.2, 0.8], (2_000, 1)),
                  np.tile([0.15, 0.2], (2_000, 1)))  # fmt: skip
        for one in offpolicy.judge(log).estimates:
            if one.name in covered:
                covered[one.name] += one.low <= 0.26 <= one.high

    assert min(covered.values()) > 270


@pytest.mark.parametrize(
    "change",
    [
        {"propensity": np.array([0.5, 0.0])},
        {"propensity": np.array([0.5, 1.1])},
        {"propensity": np.array([0.5, np.nan])},
        {"arm": np.array([0, 2])},
        {"target": np.array([[0.5, 0.6], [0.5, 0.5]])},
        {"target": np.array([[1.5, -0.5], [0.5, 0.5]])},
        {"reward": np.array([1.0])},
        {"expected": np.zeros((2, 3))},
    ],
)
def test_a_log_that_cannot_be_true_is_refused(change):
    good = {"arm": np.array([0, 1]), "reward": np.array([1.0, 0.0]), "propensity": np.array([0.5, 0.5]),
            "target": np.full((2, 2), 0.5)}  # fmt: skip
    offpolicy.judge(Log(**good))

    with pytest.raises(ValueError, match=r".+"):
        offpolicy.judge(Log(**{**good, **change}))
