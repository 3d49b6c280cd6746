"""Experiments: how large a difference is, how sure we are, at a fixed end or at any time; and whether to believe it.

Numbers only (no scikit-learn, no scipy), because results pages import this.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from personalize.learn.distributions import NORMAL, chi_square_tail, student_quantile, student_two_sided

TUNING = 5_000.0  # the sample size at which a sequential interval is narrowest


@dataclass(frozen=True, slots=True)
class Sample:
    """A side of an experiment by its sufficient statistics: how many, their mean, and their variance (n - 1)."""

    n: int
    mean: float
    variance: float

    @classmethod
    def of_proportion(cls, successes: int, n: int) -> "Sample":
        """A side measured by yes or no. The variance is p (1 - p), as in the tests that we are compared with."""
        if not 0 <= successes <= n:
            raise ValueError(f"{successes} successes of {n}")
        share = successes / n if n else 0.0
        return cls(n, share, share * (1 - share))

    @classmethod
    def of(cls, values: np.ndarray) -> "Sample":
        """A side measured by a number each."""
        values = np.asarray(values, np.float64)
        spread = float(values.var(ddof=1)) if len(values) > 1 else 0.0
        return cls(len(values), float(values.mean()) if len(values) else 0.0, spread)


@dataclass(frozen=True, slots=True)
class Difference:
    """Treated minus base: absolute, or relative to base where asked.

    low, high  the 95 % interval; infinite where nothing can be said
    p          two-sided; None where nothing can be said
    """

    difference: float
    low: float
    high: float
    p: float | None


def difference(treated: int, treated_n: int, base: int, base_n: int, *, alpha: float = 0.05) -> Difference:
    """Successes of two sides compared so that one may look at any time: `sequential` of two proportions."""
    return sequential(Sample.of_proportion(treated, treated_n), Sample.of_proportion(base, base_n), alpha=alpha)


def fixed(treated: Sample, base: Sample, *, relative: bool = False, alpha: float = 0.05) -> Difference:
    """The difference with an interval that is right if one looks once, at an end fixed beforehand.

    Source: Welch's t-test with Satterthwaite's degrees of freedom; relative by the delta method, Deng et al.,
    Applying the Delta Method in Metric Analytics, KDD 2018.
    """
    found = _point(treated, base, relative=relative)
    if found is None:
        return Difference(_raw(treated, base), -math.inf, math.inf, None)
    point, variance = found
    df = _degrees(treated, base)
    half = student_quantile(1 - alpha / 2, df) * math.sqrt(variance)
    return Difference(point, point - half, point + half, student_two_sided(point / math.sqrt(variance), df))


def sequential(
    treated: Sample, base: Sample, *, relative: bool = False, alpha: float = 0.05, tuning: float = TUNING
) -> Difference:
    """The difference with an interval that holds however often one looks and whenever one stops.

    Source: Waudby-Smith et al., Time-uniform central limit theory, arXiv 2103.06476v7: equation 9 (interval, with rho
    as in equation 10) and 155 (p-value).
    """
    found = _point(treated, base, relative=relative)
    if found is None:
        return Difference(_raw(treated, base), -math.inf, math.inf, None)
    point, variance = found
    n = treated.n + base.n
    rho2 = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / tuning
    grown = n * rho2 + 1
    half = math.sqrt(n * variance) * math.sqrt(2 * grown * math.log(math.sqrt(grown) / alpha) / (n * n * rho2))
    evidence = rho2 * (point * point * n / variance) / (2 * grown) - math.log(grown) / 2
    return Difference(point, point - half, point + half, math.exp(-max(evidence, 0.0)))


def sample_ratio(counts: Sequence[int], shares: Sequence[float]) -> float | None:
    """The chance of counts at least as far from the planned shares: below 0.001 the experiment is not to be believed.

    None where nobody is counted yet. Source: Pearson's chi-square test; Fabijan et al., Diagnosing Sample Ratio
    Mismatch in Online Controlled Experiments, KDD 2019.
    """
    total, weight = sum(counts), sum(shares)
    if total == 0 or weight <= 0 or len(counts) < 2:
        return None
    planned = [total * share / weight for share in shares]
    if any(plan == 0 for plan in planned):
        return 0.0 if any(count for count, plan in zip(counts, planned, strict=True) if plan == 0) else None
    statistic = sum((count - plan) ** 2 / plan for count, plan in zip(counts, planned, strict=True))
    return chi_square_tail(statistic, len(counts) - 1)


def wilson(successes: int, n: int, *, alpha: float = 0.05) -> tuple[float, float]:
    """The interval of one proportion; (0, 1) where there is nothing yet. Source: Wilson 1927."""
    if n == 0:
        return 0.0, 1.0
    z = NORMAL.inv_cdf(1 - alpha / 2)
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Two sides with what was known beforehand taken out: theta, and the share of the variance that is left."""

    treated: Sample
    base: Sample
    theta: float
    variance_kept: float


def cuped(treated: np.ndarray, treated_before: np.ndarray, base: np.ndarray, base_before: np.ndarray) -> Adjusted:
    """Take out of each value what the same person's value before the experiment explains; compare the sides after.

    All (n,), in the same order per side. Source: Deng et al., Improving the Sensitivity of Online Controlled
    Experiments by Utilizing Pre-Experiment Data, WSDM 2013; theta pooled over the sides' own centred values.
    """
    sides = [(np.asarray(y, np.float64), np.asarray(b, np.float64)) for y, b in
             ((treated, treated_before), (base, base_before))]  # fmt: skip
    if any(y.shape != b.shape or len(y) < 2 for y, b in sides):
        raise ValueError("every value needs its value before, and a side at least two")
    spread = sum(((b - b.mean()) ** 2).sum() for _, b in sides)
    together = sum(((y - y.mean()) * (b - b.mean())).sum() for y, b in sides)
    theta = float(together / spread) if spread > 0 else 0.0
    centre = float(np.concatenate([b for _, b in sides]).mean())
    adjusted = [y - theta * (b - centre) for y, b in sides]
    before = sum(y.var(ddof=1) for y, _ in sides)
    kept = float(sum(y.var(ddof=1) for y in adjusted) / before) if before > 0 else 1.0
    return Adjusted(Sample.of(adjusted[0]), Sample.of(adjusted[1]), theta, kept)


def _raw(treated: Sample, base: Sample) -> float:
    return treated.mean - base.mean


def _point(treated: Sample, base: Sample, *, relative: bool) -> tuple[float, float] | None:
    """The difference and the variance of its estimate; None where a side is too small or nothing varies."""
    if min(treated.n, base.n) < 2 or treated.variance + base.variance <= 0:
        return None
    if not relative:
        return _raw(treated, base), treated.variance / treated.n + base.variance / base.n
    if base.mean == 0:
        return None
    variance = treated.variance / (treated.n * base.mean**2) + base.variance * treated.mean**2 / (base.n * base.mean**4)
    return _raw(treated, base) / base.mean, variance


def _degrees(treated: Sample, base: Sample) -> float:
    """Satterthwaite's degrees of freedom."""
    a, b = treated.variance / treated.n, base.variance / base.n
    return (a + b) ** 2 / (a * a / (treated.n - 1) + b * b / (base.n - 1))
