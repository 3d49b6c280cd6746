"""Are groups of clients treated alike? Ratios, differences and their verdicts, from counts by group alone.

Nobody's group comes in here: a `Cell` says how many clients of a group (or of a probability of belonging to it) there
were in a stratum, and the sum and the sum of squares of what they were shown.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from personalize.learn.distributions import NORMAL

SURE = 0.05
SURE_Z, POWER_Z = NORMAL.inv_cdf(1 - SURE / 2), NORMAL.inv_cdf(0.8)
REST = "everyone else"
RAREST = 0.001  # a rate below it is planned for as if it were this


class Verdict(StrEnum):
    """What a finding says. Not enough data is not a pass."""

    PASS = "pass"  # noqa: S105 - no secret
    WARN = "warn"
    NOT_ENOUGH = "not_enough"
    FAIL = "fail"


class Kind(StrEnum):
    """How a measure is compared: a share of clients shown something good or bad, a mean, a level, a gap of shares."""

    GOOD = "good"  # ratio of shares; the larger share is better off
    BAD = "bad"  # ratio of shares; the larger share is worse off
    PRESSURE = "pressure"  # ratio of means; the larger mean is worse off
    LEVEL = "level"  # difference of means in standard deviations; the larger is worse off
    GAP = "gap"  # difference of shares within strata; the larger share is better off


# (warn, fail). Ratios by 29 CFR 1607.4(D), the four-fifths rule, by analogy; all by the compliance specification, 6.2.
LIMITS = {
    Kind.GOOD: (0.90, 0.80),
    Kind.BAD: (1.11, 1.25),
    Kind.PRESSURE: (1.10, 1.25),
    Kind.LEVEL: (0.20, 0.30),
    Kind.GAP: (0.01, 0.03),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """Clients of one group, one probability of belonging to it and one stratum; total and squares of their values."""

    group: str
    probability: float
    stratum: int
    n: int
    total: float
    squares: float


@dataclass(frozen=True, slots=True)
class Finding:
    """One group against another by one measure.

    value      the ratio (GOOD, BAD, PRESSURE), the difference in standard deviations (LEVEL) or in shares (GAP)
    low, high  the 95 % interval, or for a probable group the two bounds; None where nothing can be said
    p          two-sided, by Holm over the groups of one attribute; None where nothing can be said
    n          clients of the smaller side, for a probable group expected ones · needed  how many it takes
    worse_off  which of the two has the worse of it, "" for neither
    """

    kind: str
    group: str
    versus: str
    value: float | None
    low: float | None
    high: float | None
    p: float | None
    n: int
    needed: int
    worse_off: str
    is_proxy: bool = False
    verdict: str = Verdict.NOT_ENOUGH

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Side:
    """n, mean and variance of one group's values."""

    n: float
    mean: float
    variance: float


def needed_for_ratio(base: float, ratio: float) -> int:
    """Clients per group for an 80 % chance to see this ratio of shares at a base rate, two-sided 5 %.

    Source: Fleiss, Statistical Methods for Rates and Proportions, 3rd ed., equation 4.14. 10 % and 0.80: 3,213.
    """
    base = max(base, RAREST)
    other = min(base * ratio, 1.0)
    if other == base:
        return 1
    middle = (base + other) / 2
    spread = SURE_Z * math.sqrt(2 * middle * (1 - middle)) + POWER_Z * math.sqrt(
        base * (1 - base) + other * (1 - other)
    )
    return math.ceil((spread / (base - other)) ** 2)


def needed_for_difference(difference: float) -> int:
    """Clients per group for an 80 % chance to see a difference in standard deviations, two-sided 5 %: 0.2 needs 393."""
    return math.ceil(2 * ((SURE_Z + POWER_Z) / difference) ** 2)


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected for having looked at all of them. Source: Holm, Scandinavian J. of Statistics 6 (1979)."""
    corrected, highest = [0.0] * len(p), 0.0
    for rank, number in enumerate(sorted(range(len(p)), key=lambda one: p[one])):
        highest = max(highest, min(1.0, (len(p) - rank) * p[number]))
        corrected[number] = highest
    return corrected


def compare(kind: Kind, cells: Iterable[Cell]) -> list[Finding]:
    """Every group of one attribute against the largest one; each probable group against everyone else.

    Nothing where there is one group only, or nobody was shown anything of the kind.
    """
    cells = list(cells)
    if not any(one.total for one in cells):
        return []
    if any(0 < one.probability < 1 for one in cells):
        found = [_by_proxy(kind, group, [one for one in cells if one.group == group])
                 for group in sorted({one.group for one in cells})]  # fmt: skip
    else:
        found = _by_group(kind, cells)
    corrected = iter(holm([one.p for one in found if one.p is not None]))
    found = [replace(one, p=next(corrected)) if one.p is not None else one for one in found]
    return [replace(one, verdict=_verdict(one)) for one in found]


def overall(verdicts: Iterable[str]) -> Verdict:
    """The gravest: fail, then not enough data, then warn. Nothing measured is not enough."""
    have = set(verdicts)
    for one in (Verdict.FAIL, Verdict.NOT_ENOUGH, Verdict.WARN):
        if one in have:
            return one
    return Verdict.PASS if have else Verdict.NOT_ENOUGH


def _sides(cells: Iterable[Cell]) -> dict[str, _Side]:
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for one in cells:
        mine = sums[one.group]
        mine[0], mine[1], mine[2] = mine[0] + one.n, mine[1] + one.total, mine[2] + one.squares
    return {group: _Side(n, total / n, max(squares / n - (total / n) ** 2, 0.0))
            for group, (n, total, squares) in sums.items() if n}  # fmt: skip


def _by_group(kind: Kind, cells: list[Cell]) -> list[Finding]:
    sides = _sides(cells)
    if len(sides) < 2:
        return []
    base = max(sides, key=lambda one: (sides[one].n, one))
    compared = {Kind.LEVEL: _levels, Kind.GAP: _gap}.get(kind, _ratios)
    found = []
    for name in sorted(sides):
        if name != base:
            mine = [one for one in cells if one.group in (name, base)]
            value, low, high, p, n, needed = compared(kind, name, base, mine)
            found.append(Finding(kind, name, base, value, low, high, p, n, needed, _worse(kind, value, name, base)))
    return found


Compared = tuple[float | None, float | None, float | None, float | None, int, int]  # value, low, high, p, n, needed


def _ratios(kind: Kind, name: str, versus: str, cells: list[Cell]) -> Compared:
    """Ratio of means; the interval on the log scale. Source: Katz et al., Biometrics 34 (1978)."""
    sides = _sides(cells)
    mine, base = sides[name], sides[versus]
    if kind == Kind.PRESSURE:
        variance = mine.variance / mine.n + base.variance / base.n
    else:
        pooled = (mine.n * mine.mean + base.n * base.mean) / (mine.n + base.n)
        variance = pooled * (1 - pooled) * (1 / mine.n + 1 / base.n)
    p, n, needed = _p(mine.mean - base.mean, variance), int(min(mine.n, base.n)), _needed(kind, mine, base)
    value = _ratio(mine.mean, base.mean)
    if min(mine.mean, base.mean) <= 0:
        return value, None, None, p, n, needed
    error = SURE_Z * math.sqrt(
        mine.variance / (mine.n * mine.mean**2) + base.variance / (base.n * base.mean**2)
    )  # fmt: skip
    return value, value * math.exp(-error), value * math.exp(error), p, n, needed


def _levels(kind: Kind, name: str, versus: str, cells: list[Cell]) -> Compared:
    """Difference of means in pooled standard deviations. Source: Hedges & Olkin, Statistical Methods, 1985, 5.14."""
    sides = _sides(cells)
    mine, base = sides[name], sides[versus]
    n, needed = int(min(mine.n, base.n)), needed_for_difference(LIMITS[kind][0])
    p = _p(mine.mean - base.mean, mine.variance / mine.n + base.variance / base.n)
    spread = math.sqrt((mine.variance + base.variance) / 2)
    if spread == 0:
        return (0.0 if mine.mean == base.mean else None), None, None, p, n, needed
    value = (mine.mean - base.mean) / spread
    error = SURE_Z * math.sqrt(1 / mine.n + 1 / base.n + value**2 / (2 * (mine.n + base.n)))
    return value, value - error, value + error, p, n, needed


def _gap(kind: Kind, name: str, versus: str, cells: list[Cell]) -> Compared:
    """Difference within strata, weighted by their size: what belonging to a group changes, all else as it is.

    Source: direct standardisation; the average marginal effect of a linear model with every interaction.
    """
    both = []
    for stratum in sorted({one.stratum for one in cells}):
        sides = _sides(one for one in cells if one.stratum == stratum)
        if name in sides and versus in sides and min(one.n for one in sides.values()) >= 2:
            both.append((sides[name], sides[versus]))
    n = int(min(sum(mine.n for mine, _ in both), sum(base.n for _, base in both)))
    rate = max(_sides(cells)[versus].mean, LIMITS[kind][1])
    needed = needed_for_ratio(rate, 1 - LIMITS[kind][1] / rate)
    weight = sum(mine.n + base.n for mine, base in both)
    if not weight:
        return None, None, None, None, n, needed
    value = sum((mine.n + base.n) * (mine.mean - base.mean) for mine, base in both) / weight
    variance = sum((mine.n + base.n) ** 2 * (mine.variance / mine.n + base.variance / base.n) for mine, base in both)
    error = SURE_Z * math.sqrt(variance) / weight
    return value, value - error, value + error, _p(value, variance / weight**2), n, needed


def _by_proxy(kind: Kind, group: str, cells: list[Cell]) -> Finding:
    """A probable group against everyone else by two estimators that err in opposite ways; the worse one counts.

    Weighting by the probability makes a disparity look smaller; regressing on it can make it look larger. Source: Chen,
    Kallus, Mao, Svacha & Udell, Fairness Under Unawareness, FAT* 2019; both are measured in the tests.
    """
    n = sum(one.n for one in cells)
    mine = sum(one.n * one.probability for one in cells)
    centre, smaller = mine / n, int(min(mine, n - mine))
    spread = sum(one.n * (one.probability - centre) ** 2 for one in cells)
    nothing = Finding(kind, group, REST, None, None, None, None, smaller, smaller + 1, "", is_proxy=True)
    if spread <= 0 or smaller < 1:
        return nothing
    mean = sum(one.total for one in cells) / n
    slope = sum((one.probability - centre) * one.total for one in cells) / spread
    left = [_left(one, mean + slope * (one.probability - centre)) for one in cells]
    error = sum((one.probability - centre) ** 2 * rest for one, rest in zip(cells, left, strict=True)) / spread**2
    within = sum(left) / n
    weighted = (
        sum(one.probability * one.total for one in cells) / mine,
        sum((1 - one.probability) * one.total for one in cells) / (n - mine),
    )
    fitted = (mean + slope * (1 - centre), mean - slope * centre)
    if kind in (Kind.LEVEL, Kind.GAP):
        scale = math.sqrt(within) if kind == Kind.LEVEL and within > 0 else 1.0
        ends = [(one - other) / scale for one, other in (weighted, fitted)]
        value, needed = max(ends, key=abs), needed_for_difference(LIMITS[Kind.LEVEL][0])
    else:
        ends = [_ratio(*one) for one in (weighted, fitted)]
        value = max(ends, key=lambda one: abs(math.log(one)))
        needed = _needed(kind, _Side(mine, weighted[0], within), _Side(n - mine, weighted[1], within))
    return replace(
        nothing, value=value, low=min(ends), high=max(ends), p=_p(slope, error), needed=needed,
        worse_off=_worse(kind, value, group, REST),
    )  # fmt: skip


def _left(cell: Cell, fitted: float) -> float:
    """Sum of squares that a fitted value leaves over in a cell."""
    return max(cell.squares - 2 * fitted * cell.total + cell.n * fitted**2, 0.0)


def _ratio(mine: float, other: float) -> float:
    """Ratio of two rates, of which a regression may put one below zero; kept within [0.01, 100]."""
    if mine <= 0 and other <= 0:
        return 1.0
    return 100.0 if other <= 0 else min(max(mine / other, 0.01), 100.0)


def _needed(kind: Kind, mine: _Side, base: _Side) -> int:
    """How many it takes to see the ratio that would fail, at the rate of who is better served."""
    rates = sorted((mine.mean, base.mean))
    if kind == Kind.PRESSURE:
        spread = math.sqrt(max(mine.variance, base.variance))
        return needed_for_difference((LIMITS[kind][1] - 1) * rates[1] / spread) if spread > 0 else 1
    return needed_for_ratio(rates[1] if kind == Kind.GOOD else rates[0], LIMITS[kind][1])


def _p(difference: float, variance: float) -> float | None:
    return math.erfc(abs(difference) / math.sqrt(2 * variance)) if variance > 0 else None


def _worse(kind: Kind, value: float | None, name: str, versus: str) -> str:
    equal = 0.0 if kind in (Kind.LEVEL, Kind.GAP) else 1.0
    if value is None or value == equal:
        return ""
    return name if (value < equal) == (kind in (Kind.GOOD, Kind.GAP)) else versus


def _verdict(found: Finding) -> Verdict:
    """Fail needs a difference beyond the limit that chance does not explain; too few clients are never a pass."""
    if found.value is None:
        return Verdict.NOT_ENOUGH
    kind = Kind(found.kind)
    warn, fail = LIMITS[kind]
    if kind in (Kind.LEVEL, Kind.GAP):
        far = abs(found.value)
    else:  # whoever is worse off: a ratio of at least 1
        far = max(found.value, 1 / found.value)
        warn, fail = max(warn, 1 / warn), max(fail, 1 / fail)
    if far > fail and found.p is not None and found.p < SURE:
        return Verdict.FAIL
    if found.n < found.needed:
        return Verdict.NOT_ENOUGH
    return Verdict.WARN if far > warn else Verdict.PASS
