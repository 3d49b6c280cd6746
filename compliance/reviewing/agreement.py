"""Do two people who read the same text alone come to the same verdict? Shares, Cohen's kappa, and topics overlooked."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from compliance.models import SecondReading

ENOUGH = 20  # the interval of kappa is one of large samples
SURE_Z = NormalDist().inv_cdf(0.975)
Pair = tuple[str, str]  # first and second verdict


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of one stratum, or of all: agreed in [0, 1] and kappa in [-1, 1], with 95 % intervals; None where too few tell.

    open  differences that nobody has settled · overturned  first verdicts that a third did not uphold
    """

    name: str
    n: int
    agreed: float | None
    agreed_low: float
    agreed_high: float
    kappa: float | None
    kappa_low: float | None
    kappa_high: float | None
    open: int
    overturned: int


@dataclass(frozen=True, slots=True)
class Missed:
    """A topic in texts read twice: in how many it was, and in how many of these the rules had not found it.

    share, low, high  of those missed, with its 95 % interval
    """

    topic: str
    n: int
    missed: int
    share: float
    low: float
    high: float


def by_stratum(rows: Iterable[SecondReading]) -> list[Agreement]:
    """All of them, then each stratum that has any; they were drawn with different chances, so all together is no share
    of everything that was decided."""
    decided = [one for one in rows if one.decided_at]
    found = [_of("All", decided)] if decided else []
    for code, label in SecondReading.Stratum.choices:
        if mine := [one for one in decided if one.stratum == code]:
            found.append(_of(str(label), mine))
    return found


def missed(rows: Iterable[SecondReading]) -> list[Missed]:
    """By topic, the most often missed first; only what is settled counts."""
    there: Counter[str] = Counter()
    unseen: Counter[str] = Counter()
    for one in rows:
        if one.settled:
            there.update({*one.settled_topics, *one.topics})
            unseen.update(set(one.settled_topics) - set(one.topics))
    told = [Missed(topic, n, unseen[topic], unseen[topic] / n, *wilson(unseen[topic], n)) for topic, n in there.items()]
    return sorted(told, key=lambda one: (-one.missed, one.topic))


def kappa(pairs: Sequence[Pair]) -> tuple[float, float, float] | None:
    """Agreement beyond chance with its 95 % interval; None without pairs, or when chance alone gives full agreement.

    Source: Cohen, Educ. Psychol. Meas. 20 (1960); its variance: Fleiss, Cohen & Everitt, Psychol. Bull. 72 (1969).
    """
    n = len(pairs)
    if not n:
        return None
    shares = {pair: count / n for pair, count in Counter(pairs).items()}
    words = {one for pair in pairs for one in pair}
    first = {one: sum(share for (a, _), share in shares.items() if a == one) for one in words}
    second = {one: sum(share for (_, b), share in shares.items() if b == one) for one in words}
    agreed = sum(shares.get((one, one), 0.0) for one in words)
    chance = sum(first[one] * second[one] for one in words)
    if chance == 1:
        return None
    value = (agreed - chance) / (1 - chance)
    on = sum(shares.get((one, one), 0.0) * (1 - chance - (first[one] + second[one]) * (1 - agreed)) ** 2
             for one in words)  # fmt: skip
    off = (1 - agreed) ** 2 * sum(
        share * (second[a] + first[b]) ** 2 for (a, b), share in shares.items() if a != b
    )  # fmt: skip
    spread = on + off - (agreed * chance - 2 * chance + agreed) ** 2
    error = SURE_Z * math.sqrt(max(spread, 0.0) / n) / (1 - chance) ** 2
    return value, max(value - error, -1.0), min(value + error, 1.0)


def wilson(count: int, n: int) -> tuple[float, float]:
    """The 95 % interval of one share; (0, 1) of nothing. Source: Wilson, J. Am. Stat. Assoc. 22 (1927)."""
    if not n:
        return 0.0, 1.0
    share, square = count / n, SURE_Z**2 / n
    middle = share + square / 2
    half = SURE_Z * math.sqrt(share * (1 - share) / n + square / (4 * n))
    return max((middle - half) / (1 + square), 0.0), min((middle + half) / (1 + square), 1.0)


def _of(name: str, rows: Sequence[SecondReading]) -> Agreement:
    pairs = [(one.first_verdict, one.verdict) for one in rows]
    alike = sum(first == second for first, second in pairs)
    value, low, high = (len(pairs) >= ENOUGH and kappa(pairs)) or (None, None, None)
    overturned = sum(one.judged not in ("", one.first_verdict) for one in rows)
    return Agreement(
        name, len(rows), alike / len(rows) if rows else None, *wilson(alike, len(rows)), value, low, high,
        sum(one.is_open for one in rows), overturned,
    )  # fmt: skip
