"""Does what a model says come true in every group? From counts by group and tenth of the score alone.

A model may be honest on the whole and too sure of one group, too shy of another: then the same score means something
else for each. Compliance specification 6.2, calibration within group.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from personalize.learn.distributions import NORMAL
from personalize.learn.fairness import POWER_Z, SURE, SURE_Z, Cell, Verdict, holm

TENTHS = 10
WARN, FAIL = 0.03, 0.05  # of the clients of a tenth, between what was said and what came
TOLD = 0.9  # of a group's rows; where fewer are in tenths large enough to judge, there is not enough data


@dataclass(frozen=True, slots=True)
class Within:
    """One group of one attribute.

    apart    the largest difference of what came and what was said in a tenth that is large enough; None without one
    slope    how much what came rises with what was said, in log-odds: 1 is honest, below it is too sure; None likewise
    n        rows of the group, whose members are certain · told  rows in tenths that are large enough
    """

    attribute: str
    group: str
    apart: float | None
    slope: float | None
    n: int
    told: int
    verdict: str

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Tenth:
    group: str
    n: int
    came: float
    said: float

    def needed(self) -> int:
        """Rows for an 80 % chance to see FAIL at this rate, two-sided 5 %."""
        return math.ceil(((SURE_Z + POWER_Z) / FAIL) ** 2 * self.said * (1 - self.said))

    def p(self) -> float:
        """Chance of a difference so large where what is said is so; rows of one client count as apart."""
        variance = max(self.said * (1 - self.said), 1e-9) / self.n
        return 2 * (1 - NORMAL.cdf(abs(self.came - self.said) / math.sqrt(variance)))


def tenths(p: np.ndarray) -> np.ndarray:
    """The tenth of all rows that each score is in, (n,) int64 from 0: what cells are stratified by."""
    return np.searchsorted(np.quantile(p, np.arange(1, TENTHS) / TENTHS), p, side="right").astype(np.int64)


def judged(attribute: str, came: Iterable[Cell], said: Iterable[Cell]) -> list[Within]:
    """Every group of one attribute. came, said  cells by group and tenth, of outcomes (0 or 1) and of probabilities.

    Clients whose group is only probable are left out: their outcomes cannot be told apart from other groups'.
    """
    spoken = {(one.group, one.stratum): one for one in said if one.probability == 1}
    found = [
        _Tenth(one.group, one.n, one.total / one.n, spoken[one.group, one.stratum].total / one.n)
        for one in came
        if one.probability == 1 and (one.group, one.stratum) in spoken
    ]
    large = [one for one in found if one.n >= one.needed()]
    sure = dict(zip(map(id, large), holm([one.p() for one in large]), strict=True))
    return [
        _group(attribute, name, [one for one in found if one.group == name],
               [(one, sure[id(one)]) for one in large if one.group == name])
        for name in sorted({one.group for one in found})
    ]  # fmt: skip


def _group(attribute: str, name: str, every: Sequence[_Tenth], large: Sequence[tuple[_Tenth, float]]) -> Within:
    n, told = sum(one.n for one in every), sum(one.n for one, _ in large)
    gaps = [(abs(one.came - one.said), p) for one, p in large]
    if any(gap > FAIL and p < SURE for gap, p in gaps):
        verdict = Verdict.FAIL
    elif told < TOLD * n:
        verdict = Verdict.NOT_ENOUGH
    else:
        verdict = Verdict.WARN if any(gap > WARN for gap, _ in gaps) else Verdict.PASS
    apart = max((gap for gap, _ in gaps), default=None)
    return Within(attribute, name, apart, _slope([one for one, _ in large]), n, told, str(verdict))


def _slope(large: Sequence[_Tenth]) -> float | None:
    """Of the log-odds of what came on those of what was said, each tenth by the information in it."""
    if len(large) < 2:
        return None
    n = np.array([one.n for one in large], np.float64)
    came = (np.array([one.came for one in large]) * n + 0.5) / (n + 1)
    said = np.clip([one.said for one in large], 1e-9, 1 - 1e-9)
    x, y = np.log(said / (1 - said)), np.log(came / (1 - came))
    weight = n * came * (1 - came)
    x = x - np.average(x, weights=weight)
    spread = float(weight @ (x * x))
    return float(weight @ (x * y)) / spread if spread > 0 else None
