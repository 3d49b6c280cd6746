"""Business hours: when a person can be expected to have read something."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

OPENS, CLOSES = time(9), time(17)


def add(at: datetime, hours: float, *, zone: str) -> datetime:
    """The moment `hours` working hours after `at`: Monday to Friday, 09:00 to 17:00 in `zone`.

    Public holidays count as working days. Raises ValueError for a naive `at` or negative hours.
    """
    if at.tzinfo is None or hours < 0:
        raise ValueError("business hours need an aware time and hours of at least 0")
    here, left = at.astimezone(ZoneInfo(zone)), timedelta(hours=hours)
    while True:
        opens, closes = _on(here, OPENS), _on(here, CLOSES)
        start = max(here, opens)
        # Compared in UTC: the two days a year when the clock moves do not lengthen or shorten the count.
        if here.weekday() < 5 and start < closes:
            if start.timestamp() + left.total_seconds() <= closes.timestamp():
                return datetime.fromtimestamp(start.timestamp() + left.total_seconds(), tz=at.tzinfo)
            left -= timedelta(seconds=closes.timestamp() - start.timestamp())
        here = _on(here + timedelta(days=1), OPENS)


def _on(day: datetime, clock: time) -> datetime:
    return day.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0, fold=0)
