"""Is a predicted probability to be believed? Scores of predictions against what happened. Numpy only."""

from dataclasses import dataclass

import numpy as np

from personalize.learn.distributions import NORMAL

BEND_RIDGE = 10.0  # of `bent`: a bend that ten rows would be surprised by


@dataclass(frozen=True, slots=True)
class Scores:
    """How good n predictions were. All but auc, lift and base are better when smaller.

    auc    chance that a random success was ranked above a random failure; None without both
    ece    expected calibration error over 15 equal-width bins
    lift   rate among the tenth with the highest predictions over the rate of all; None without a success
    base   rate of all
    """

    n: int
    positives: int
    base: float
    auc: float | None
    log_loss: float
    brier: float
    ece: float
    lift: float | None


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions of about the same size: their mean, the rate that came, and how many."""

    predicted: float
    observed: float
    n: int


def scores(y: np.ndarray, p: np.ndarray) -> Scores:
    """Every score at once. y (n,) of 0 and 1; p (n,) probabilities. Raises ValueError on anything else."""
    y, p = _checked(y, p)
    positives = int(y.sum())
    return Scores(len(y), positives, float(y.mean()), auc(y, p), log_loss(y, p), brier(y, p), ece(y, p), lift(y, p))


def auc(y: np.ndarray, p: np.ndarray) -> float | None:
    """Area under the ROC curve, ties counting half. Source: Mann & Whitney 1947 by average ranks."""
    y, p = _checked(y, p)
    positives = int(y.sum())
    if positives in (0, len(y)):
        return None
    _, group, counts = np.unique(p, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[group]
    return float((rank[y == 1].sum() - positives * (positives + 1) / 2) / (positives * (len(y) - positives)))


def auc_interval(y: np.ndarray, p: np.ndarray) -> tuple[float, float] | None:
    """95 % interval of the AUC; None without both outcomes. Source: Hanley & McNeil, Radiology 143 (1982)."""
    found = auc(y, p)
    if found is None:
        return None
    up, down = int(np.sum(y)), int(len(y) - np.sum(y))
    both_up, both_down = found / (2 - found), 2 * found * found / (1 + found)
    variance = (found * (1 - found) + (up - 1) * (both_up - found**2) + (down - 1) * (both_down - found**2)) / (
        up * down
    )
    error = 1.96 * float(np.sqrt(max(variance, 0.0)))
    return max(0.0, found - error), min(1.0, found + error)


def rate_interval(successes: int, n: int) -> tuple[float, float]:
    """95 % interval of a share. Source: Wilson, JASA 22 (1927)."""
    z = 1.96
    middle = (successes + z * z / 2) / (n + z * z)
    half = z * float(np.sqrt(successes * (n - successes) / n + z * z / 4)) / (n + z * z)
    return middle - half, middle + half


def psi(before: np.ndarray, after: np.ndarray, *, bins: int = 10) -> float:
    """Population stability index over tenths of `before`, not known (NaN) as one more: above .25 is another population.

    Source: Siddiqi, Credit Risk Scorecards, 2006, chapter 8. Half a row is added to each bin so that none is empty.
    """
    known = before[~np.isnan(before)]
    cuts = np.unique(np.quantile(known, np.arange(1, bins) / bins)) if len(known) else np.zeros(0)
    shares = []
    for value in (before, after):
        place = np.where(np.isnan(value), len(cuts) + 1, np.searchsorted(cuts, value, side="left"))
        counts = np.bincount(place, minlength=len(cuts) + 2) + 0.5
        shares.append(counts / counts.sum())
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def log_loss(y: np.ndarray, p: np.ndarray) -> float:
    """Mean of -log of the probability given to what happened; probabilities are kept 1e-15 away from 0 and 1."""
    y, p = _checked(y, p)
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return float(-np.where(y == 1, np.log(p), np.log1p(-p)).mean())


def brier(y: np.ndarray, p: np.ndarray) -> float:
    """Mean squared difference. Source: Brier 1950."""
    y, p = _checked(y, p)
    return float(((p - y) ** 2).mean())


def ece(y: np.ndarray, p: np.ndarray, *, bins: int = 15) -> float:
    """Expected calibration error over equal-width bins. Source: Guo et al., On Calibration, ICML 2017, equation 3."""
    y, p = _checked(y, p)
    place = np.minimum((p * bins).astype(np.intp), bins - 1)
    off = np.bincount(place, y, bins) - np.bincount(place, p, bins)
    return float(np.abs(off).sum() / len(y))


def lift(y: np.ndarray, p: np.ndarray, *, share: float = 0.1) -> float | None:
    """Rate among the top `share` of predictions over the rate of all; ties at the border count by their share."""
    y, p = _checked(y, p)
    if not y.any():
        return None
    wanted = max(1, round(share * len(y)))
    border = np.sort(p)[-wanted]
    above, level = p > border, p == border
    found = y[above].sum() + y[level].mean() * (wanted - above.sum())
    return float(found / wanted / y.mean())


def reliability(y: np.ndarray, p: np.ndarray, *, bins: int = 10) -> list[Bin]:
    """Up to `bins` groups of equal size, from the lowest prediction to the highest, for a reliability chart."""
    y, p = _checked(y, p)
    order = np.argsort(p, kind="stable")
    return [
        Bin(float(p[rows].mean()), float(y[rows].mean()), len(rows))
        for rows in np.array_split(order, min(bins, len(y)))
    ]


def recalibration(y: np.ndarray, log_odds: np.ndarray) -> tuple[float, float]:
    """(slope, intercept) that make the log-odds honest: (1, 0) when they are already, slope below 1 when too sure.

    Source: Cox 1958, by Newton's method with step halving; a ridge of 1e-6 keeps separable data finite.
    """
    slope, intercept = bent(y, log_odds, np.zeros(0))
    return float(slope), float(intercept)


def bent(y: np.ndarray, log_odds: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """`recalibration` by a line that bends at the knots (K,): its first slope, its intercept, K changes of slope.

    A ridge on the changes keeps the line straight where few rows speak. Source: the linear spline of Harrell,
    Regression Modeling Strategies, 2015, 2.4, in the log-odds.
    """
    y, z = np.asarray(y, np.float64), np.asarray(log_odds, np.float64)
    design = np.column_stack([z, np.ones_like(z), *(np.maximum(z - knot, 0.0) for knot in knots)])
    ridge = np.array([1e-6, 1e-6, *([BEND_RIDGE] * len(knots))])
    w = np.array([1.0, *([0.0] * (len(ridge) - 1))])
    loss = _loss(design, y, w, ridge)
    for _ in range(50):
        p, curvature = _at(design, w, ridge)
        gradient = design.T @ (p - y) + ridge * w
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while size > 1e-8 and _loss(design, y, w - size * step, ridge) > loss:
            size /= 2
        w = w - size * step
        now = _loss(design, y, w, ridge)
        if loss - now < 1e-10 * max(1.0, abs(loss)):
            break
        loss = now
    return w


SLOPE_WITHIN = (0.8, 1.25)  # of a model that may go on deciding: decision science, phase-in table


@dataclass(frozen=True, slots=True)
class Slope:
    """A calibration slope with its 95 % interval."""

    value: float
    low: float
    high: float


def slope(y: np.ndarray, log_odds: np.ndarray) -> Slope:
    """`recalibration`'s slope with its interval, by the inverse of the curvature at the end."""
    value, intercept = recalibration(y, log_odds)
    z = np.asarray(log_odds, np.float64)
    design = np.column_stack([z, np.ones_like(z)])
    _, curvature = _at(design, np.array([value, intercept]), np.full(2, 1e-6))
    half = NORMAL.inv_cdf(0.975) * float(np.sqrt(np.linalg.inv(curvature)[0, 0]))
    return Slope(value, value - half, value + half)


def _at(design: np.ndarray, w: np.ndarray, ridge: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(predictions (n,), curvature of the loss (P, P)) at these weights."""
    p = 1 / (1 + np.exp(-np.clip(design @ w, -35, 35)))
    return p, design.T @ (design * np.maximum(p * (1 - p), 1e-12)[:, None]) + np.diag(ridge)


def _loss(design: np.ndarray, y: np.ndarray, w: np.ndarray, ridge: np.ndarray) -> float:
    z = design @ w
    return float((np.logaddexp(0, z) - y * z).sum() + 0.5 * (ridge * w) @ w)


def _checked(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y, p = np.asarray(y, np.float64), np.asarray(p, np.float64)
    if y.ndim != 1 or y.shape != p.shape or len(y) == 0:
        raise ValueError(f"outcomes {y.shape} and predictions {p.shape} must be the same, and not empty")
    if not np.isin(y, (0.0, 1.0)).all():
        raise ValueError("an outcome must be 0 or 1")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("a prediction must be a probability")
    return y, p
