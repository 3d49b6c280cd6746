"""Business hours: when a person can be expected to have read something."""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

OPENS, CLOSES = time(9), time(17)


def add(at: datetime, hours: float, *, zone: str, holidays: Collection[date] = frozenset()) -> datetime:
    """The moment `hours` working hours after `at`: Monday to Friday, 09:00 to 17:00 in `zone`, but for `holidays`.

    Raises ValueError for a naive `at` or negative hours.
    """
    if at.tzinfo is None or hours < 0:
        raise ValueError("business hours need an aware time and hours of at least 0")
    here, left = at.astimezone(ZoneInfo(zone)), timedelta(hours=hours)
    while True:
        opens, closes = _on(here, OPENS), _on(here, CLOSES)
        start = max(here, opens)
        # Compared in UTC: the two days a year when the clock moves do not lengthen or shorten the count.
        if here.weekday() < 5 and here.date() not in holidays and start < closes:
            if start.timestamp() + left.total_seconds() <= closes.timestamp():
                return datetime.fromtimestamp(start.timestamp() + left.total_seconds(), tz=at.tzinfo)
            left -= timedelta(seconds=closes.timestamp() - start.timestamp())
        here = _on(here + timedelta(days=1), OPENS)


def between(start: datetime, end: datetime, *, zone: str, holidays: Collection[date] = frozenset()) -> float:
    """The working hours from `start` to `end`; 0 when `end` is not later. Raises ValueError for naive times."""
    if start.tzinfo is None or end.tzinfo is None:
        raise ValueError("business hours need aware times")
    here, last, spent = start.astimezone(ZoneInfo(zone)), end.astimezone(ZoneInfo(zone)), 0.0
    while here < last:
        opens, closes = max(here, _on(here, OPENS)), min(last, _on(here, CLOSES))
        if here.weekday() < 5 and here.date() not in holidays and opens < closes:
            spent += closes.timestamp() - opens.timestamp()
        here = _on(here + timedelta(days=1), OPENS)
    return spent / 3600


def business_days(start: date, end: date, *, holidays: Collection[date] = frozenset()) -> int:
    """Working days after `start` up to and with `end`; 0 when `end` is not later."""
    days = (start + timedelta(days=one) for one in range(1, (end - start).days + 1))
    return sum(day.weekday() < 5 and day not in holidays for day in days)


def _on(day: datetime, clock: time) -> datetime:
    return day.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0, fold=0)
