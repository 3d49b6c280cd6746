"""The few distributions that judging needs, without scipy: pages import this, and scipy costs them too much."""

import math
from statistics import NormalDist

NORMAL = NormalDist()
TINY = 1e-300
STEPS = 500


def chi_square_tail(x: float, df: int) -> float:
    """P(X >= x) for a chi-square variable with df degrees of freedom; relative error below 1e-12.

    Source: Press et al., Numerical Recipes, 3rd ed., section 6.2 (series and continued fraction of the gamma function).
    """
    if df < 1 or not x >= 0:
        raise ValueError(f"chi-square needs df >= 1 and x >= 0, not {df} and {x}")
    a, z = df / 2, x / 2
    if z == 0:
        return 1.0
    scale = math.exp(a * math.log(z) - z - math.lgamma(a))
    if z < a + 1:
        term = total = 1 / a
        for step in range(1, STEPS):
            term *= z / (a + step)
            total += term
            if term < total * 1e-16:
                break
        return 1.0 - scale * total
    b, c = z + 1 - a, 1 / TINY
    d = total = 1 / b
    for step in range(1, STEPS):
        factor = -step * (step - a)
        b += 2
        d = 1 / _solid(factor * d + b)
        c = _solid(b + factor / c)
        total *= d * c
        if abs(d * c - 1) < 1e-16:
            break
    return scale * total


def student_two_sided(t: float, df: float) -> float:
    """P(|T| >= |t|) for Student's t with df degrees of freedom (not necessarily whole)."""
    return _incomplete_beta(df / 2, 0.5, df / (df + t * t))


def student_quantile(p: float, df: float) -> float:
    """The t with P(T <= t) = p, for p in (0.5, 1), to 1e-12."""
    if not 0.5 < p < 1:
        raise ValueError(f"p must lie between 0.5 and 1, not {p}")
    low, high = 0.0, 1.0
    while student_two_sided(high, df) > 2 * (1 - p):
        low, high = high, high * 2
    while high - low > 1e-13 * max(high, 1):
        middle = (low + high) / 2
        low, high = (middle, high) if student_two_sided(middle, df) > 2 * (1 - p) else (low, middle)
    return (low + high) / 2


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function. Source: Numerical Recipes, 3rd ed., section 6.4."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    scale = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return scale * _beta_fraction(a, b, x) / a
    return 1 - scale * _beta_fraction(b, a, 1 - x) / b


def _beta_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / _solid(1 - (a + b) * x / (a + 1))
    total = d
    for m in range(1, STEPS):
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _solid(1 + factor * d)
            c = _solid(1 + factor / c)
            total *= d * c
        if abs(d * c - 1) < 1e-16:
            break
    return total


def _solid(value: float) -> float:
    """The value, or the smallest number that may be divided by."""
    return value if abs(value) > TINY else TINY
