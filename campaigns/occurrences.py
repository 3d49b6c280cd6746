"""When a schedule falls due: local days and times become moments in UTC, each exactly once, by the zone's own rules.

A time that the spring gap leaves out moves to the first moment after the gap; one that the autumn shows twice is the
first of the two.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

ONCE, DAILY, WEEKLY, MONTHLY = "once", "daily", "weekly", "monthly"
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Which local days, and when on each: the first day, the time, the zone's IANA name, how often, the last day."""

    first: date
    at: time
    zone: str
    repeat: str
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """One occurrence: the local day it belongs to, when it is due (UTC) and what clocks in the zone show then."""

    local_date: date
    due_at: datetime
    local: datetime


def moments(rhythm: Rhythm, *, after: date | None = None) -> Iterator[Moment]:
    """Every occurrence in order, beginning behind the local day `after`. Endless where the rhythm has no end."""
    where = ZoneInfo(rhythm.zone)
    for day in days(rhythm, after=after):
        due = instant(day, rhythm.at, where)
        yield Moment(day, due, due.astimezone(where))


def days(rhythm: Rhythm, *, after: date | None = None) -> Iterator[date]:
    """The local days, in order; of a month that is too short its last day."""
    for n in count(0 if after is None else _behind(rhythm, after)):
        day = _nth(rhythm, n)
        if (rhythm.until is not None and day > rhythm.until) or (rhythm.repeat == ONCE and n):
            return
        yield day


def instant(day: date, at: time, where: ZoneInfo) -> datetime:
    """The moment, in UTC, at which clocks in the zone first show this time of this day, or first pass over it."""
    wall = datetime.combine(day, at.replace(fold=0), tzinfo=where)
    # PEP 495: in a gap fold 0 reckons by the offset before it and lands behind it, fold 1 by the one after it, before.
    late, early = wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
    if late.astimezone(where).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return late
    before = early.astimezone(where).utcoffset()
    while late - early > SECOND:
        middle = early + timedelta(seconds=(late - early) // SECOND // 2)
        if middle.astimezone(where).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late


def _nth(rhythm: Rhythm, n: int) -> date:
    """The nth day of the rhythm, its end left aside; counted from the first, so that clamping never adds up."""
    first = rhythm.first
    if rhythm.repeat == MONTHLY:
        months = first.month - 1 + n
        year, month = first.year + months // 12, months % 12 + 1
        return date(year, month, min(first.day, monthrange(year, month)[1]))
    return first + timedelta(days=n * (7 if rhythm.repeat == WEEKLY else 1))


def _behind(rhythm: Rhythm, after: date) -> int:
    """The number of the first day behind `after`."""
    first = rhythm.first
    if after < first:
        return 0
    if rhythm.repeat == MONTHLY:
        n = (after.year - first.year) * 12 + after.month - first.month
        return n + (_nth(rhythm, n) <= after)
    return (after - first).days // (7 if rhythm.repeat == WEEKLY else 1) + 1
