"""How well each reviewer reads: planted texts caught, decisions faster than reading, agreement with the others."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from statistics import median

from compliance.judging import readings
from compliance.models import Reading, SecondReading, Staff
from compliance.reviewing import agreement

APPROVE = "approve"


@dataclass(frozen=True, slots=True)
class Figures:
    """One reviewer over a period. Shares lie in [0, 1]; None where there is nothing to tell it from.

    seconds  median from opening to deciding · too_fast decisions sooner than the words can be read
    approved share of decisions that were a yes · agreed share of texts somebody else decided too, decided alike
    kappa    Cohen's, over the same texts: 1 full agreement, 0 what chance would give
    reread   of their verdicts read again blind · overturned  of these, not upheld by a third
    """

    staff: Staff
    decided: int
    seconds: float | None
    too_fast: int
    approved: float | None
    seeds: int
    caught: int
    agreed: float | None
    kappa: float | None
    reread: int
    overturned: int

    @property
    def is_rubber_stamp(self) -> bool:
        """Whether someone should talk to them: seeds missed, or a tenth of decisions faster than reading."""
        return (self.seeds >= 3 and self.caught * 2 < self.seeds) or (
            self.decided >= 10 and self.too_fast * 10 > self.decided
        )


def figures(*, since: datetime, at: datetime) -> list[Figures]:
    """Everybody who decided something between the two moments, by name."""
    found = list(
        Reading.objects.filter(decided_at__gt=since, decided_at__lte=at)
        .select_related("staff", "item", "item__seed")
        .order_by("pk")
    )
    mine: dict[int, list[Reading]] = defaultdict(list)
    for one in found:
        mine[one.staff_id].append(one)
    twice, again = _together(found), _again(since=since, at=at)
    people = [_of(read, twice.get(staff, []), again.get(staff, [])) for staff, read in mine.items()]
    return sorted(people, key=lambda one: one.staff.username)


def _again(*, since: datetime, at: datetime) -> dict[int, list[bool]]:
    """First reader → whether a third upheld something else, for each of their verdicts that was read again blind."""
    rows = SecondReading.objects.filter(decided_at__gt=since, decided_at__lte=at).exclude(item=None)
    first = Reading.objects.filter(item__second_readings__in=rows).exclude(verdict="")
    said: dict[tuple[int, int], list[tuple[int, str]]] = defaultdict(list)
    for item, round_, staff, verdict in first.values_list("item", "round", "staff", "verdict"):
        said[item, round_].append((staff, verdict))
    found: dict[int, list[bool]] = defaultdict(list)
    for one in rows:
        for staff, verdict in said[one.item_id or 0, one.round]:
            found[staff].append(one.judged not in ("", verdict))
    return found


def _of(read: list[Reading], pairs: list[tuple[str, str]], again: list[bool]) -> Figures:
    planted = [one for one in read if hasattr(one.item, "seed")]
    took = [(one.decided_at - one.opened_at).total_seconds() for one in read if one.decided_at]
    return Figures(
        staff=read[0].staff,
        decided=len(read),
        seconds=median(took) if took else None,
        too_fast=sum(readings.too_fast(one) for one in read),
        approved=sum(one.verdict == APPROVE for one in read) / len(read) if read else None,
        seeds=len(planted),
        caught=sum(one.verdict != APPROVE for one in planted),
        agreed=sum(a == b for a, b in pairs) / len(pairs) if pairs else None,
        kappa=kappa(pairs),
        reread=len(again),
        overturned=sum(again),
    )


def _together(found: Iterable[Reading]) -> dict[int, list[tuple[str, str]]]:
    """Reader → (their verdict, another's) for each text and round that two people decided."""
    rounds: dict[tuple[int, int], list[Reading]] = defaultdict(list)
    for one in found:
        rounds[one.item_id, one.round].append(one)
    out: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for read in rounds.values():
        for one, other in combinations(read, 2):
            out[one.staff_id].append((one.verdict, other.verdict))
            out[other.staff_id].append((other.verdict, one.verdict))
    return out


def kappa(pairs: list[tuple[str, str]]) -> float | None:
    """Agreement beyond chance, see `agreement.kappa`."""
    found = agreement.kappa(pairs)
    return found and found[0]


PERIOD = timedelta(days=90)
