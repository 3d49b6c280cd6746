"""What would another policy have done? Estimates from logged choices with their exact probabilities. Numpy only."""

import math
from dataclasses import dataclass

import numpy as np

from personalize.learn.distributions import NORMAL

SWITCH_ABOVE = 10.0
LEAST_ROWS = 100.0  # effective rows below which no answer is given
MOST_OF_ONE = 0.05  # of all weight on one decision, above which no answer is given
APART = 4.0  # standard errors that the mean weight may lie from 1


@dataclass(frozen=True, slots=True)
class Log:
    """n logged choices between A arms.

    arm         (n,)   index of the arm taken
    reward      (n,)   what came of it
    propensity  (n,)   probability of exactly this arm when it was taken, in (0, 1]
    target      (n, A) probability of every arm under the policy in question; rows sum to 1
    expected    (n, A) an outcome model's guess of the reward of every arm, or None; fitted on other rows
    """

    arm: np.ndarray
    reward: np.ndarray
    propensity: np.ndarray
    target: np.ndarray
    expected: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A policy's value per decision with a 95 % interval."""

    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Report:
    """All estimates, and whether the log can carry them.

    ess           effective sample size, (sum w)^2 / sum w^2
    mean_weight   1 within its error when the logged propensities are true; weight_error is that standard error
    largest       the largest weight
    """

    estimates: tuple[Estimate, ...]
    n: int
    ess: float
    mean_weight: float
    weight_error: float
    largest: float

    def value(self, name: str) -> float:
        """The estimate called `name`."""
        return next(one.value for one in self.estimates if one.name == name)

    @property
    def share_of_one(self) -> float:
        """The largest weight as a share of all, in [0, 1]."""
        return self.largest / (self.mean_weight * self.n) if self.mean_weight else 0.0


def too_poor(report: Report) -> str:
    """Why the log cannot carry an answer, as a sentence; empty when the two policies overlap enough.

    Fewer than 100 effective rows, or one decision that carries a twentieth of the weight, say nothing with confidence.
    A mean weight that is not 1 shows that the target would choose what could never be chosen, or chances that are not
    those by which was drawn. Source: Owen, Monte Carlo theory, methods and examples, 2013, chapter 9.3.
    """
    if report.mean_weight == 0:
        return "The log never took a choice that this policy would take."
    if report.ess < LEAST_ROWS:
        return (
            f"The two policies overlap too little: {report.n:,} decisions weigh no more than {report.ess:,.0f} would, "
            f"and {LEAST_ROWS:.0f} is the least."
        )
    if report.share_of_one > MOST_OF_ONE:
        return f"One decision alone would carry {report.share_of_one:.0%} of the answer."
    if abs(report.mean_weight - 1.0) > APART * report.weight_error + 1e-6:
        return (
            f"The mean weight is {report.mean_weight:.3f} and should be 1: this policy would choose what the log could "
            "never choose, or the logged probabilities are not those by which was drawn."
        )
    return ""


def judge(log: Log, *, switch_above: float = SWITCH_ABOVE, alpha: float = 0.05) -> Report:
    """Every estimator that the log allows: ips and snips always; dm, dr, sndr and switch-dr with an outcome model.

    Raises ValueError when shapes differ, a propensity is not in (0, 1], or a row of the target does not sum to 1.
    Source: Horvitz & Thompson 1952 (ips); Swaminathan & Joachims 2015 (snips); Dudik et al. 2014 (dm, dr); Wang,
    Agarwal, Dudik 2017 (switch-dr); definitions as in Saito et al., Open Bandit Dataset and Pipeline, 2021.
    """
    _check(log)
    rows = np.arange(len(log.arm))
    weight = log.target[rows, log.arm] / log.propensity
    if log.expected is None:
        return weigh(weight, log.reward, switch_above=switch_above, alpha=alpha)
    return weigh(
        weight,
        log.reward,
        base=(log.target * log.expected).sum(axis=1),
        guess=log.expected[rows, log.arm],
        switch_above=switch_above,
        alpha=alpha,
    )


def weigh(
    weight: np.ndarray,
    reward: np.ndarray,
    *,
    base: np.ndarray | None = None,
    guess: np.ndarray | None = None,
    switch_above: float = SWITCH_ABOVE,
    alpha: float = 0.05,
) -> Report:
    """`judge` for choices of many parts, where the caller knows the weights but cannot list all combinations.

    weight  (n,) target probability of what was chosen over its logged propensity · reward (n,)
    base    (n,) an outcome model's expectation under the target · guess (n,) its expectation of what was chosen
    """
    found = [
        _mean("ips", weight * reward, alpha),
        _ratio("snips", weight * reward, weight, np.zeros(len(reward)), alpha),
    ]
    if base is not None and guess is not None:
        residual = reward - guess
        found += [
            _mean("dm", base, alpha),
            _mean("dr", base + weight * residual, alpha),
            _ratio("sndr", weight * residual, weight, base, alpha),
            _mean("switch-dr", base + np.where(weight <= switch_above, weight, 0.0) * residual, alpha),
        ]
    return Report(
        tuple(found),
        len(reward),
        float(weight.sum() ** 2 / (weight**2).sum()) if weight.any() else 0.0,
        float(weight.mean()),
        float(weight.std(ddof=1) / math.sqrt(len(reward))),
        float(weight.max()),
    )


def _mean(name: str, each: np.ndarray, alpha: float) -> Estimate:
    half = NORMAL.inv_cdf(1 - alpha / 2) * float(each.std(ddof=1)) / math.sqrt(len(each))
    value = float(each.mean())
    return Estimate(name, value, value - half, value + half)


def _ratio(name: str, weighted: np.ndarray, weight: np.ndarray, base: np.ndarray, alpha: float) -> Estimate:
    """mean(base) + sum(weighted) / sum(weight), with its error by the delta method."""
    scale = float(weight.mean())
    if scale == 0:
        return Estimate(name, math.nan, -math.inf, math.inf)
    ratio = float(weighted.mean()) / scale
    each = base + (weighted - ratio * weight) / scale
    half = NORMAL.inv_cdf(1 - alpha / 2) * float(each.std(ddof=1)) / math.sqrt(len(each))
    value = float(base.mean()) + ratio
    return Estimate(name, value, value - half, value + half)


def _check(log: Log) -> None:
    n = len(log.arm)
    if n < 2:
        raise ValueError("an estimate needs at least two logged choices")
    if len(log.reward) != n or len(log.propensity) != n or log.target.ndim != 2 or len(log.target) != n:
        raise ValueError("arm, reward, propensity and target must have one row a choice")
    if log.expected is not None and log.expected.shape != log.target.shape:
        raise ValueError("the outcome model must say something of every arm")
    if not ((log.propensity > 0) & (log.propensity <= 1)).all():
        raise ValueError("a logged propensity must lie in (0, 1]")
    if not ((log.arm >= 0) & (log.arm < log.target.shape[1])).all():
        raise ValueError("an arm was logged that the target does not know")
    if (log.target < 0).any() or not np.allclose(log.target.sum(axis=1), 1.0, atol=1e-6):
        raise ValueError("the target's probabilities must be at least 0 and sum to 1 in every row")
