"""When: a due time inside the hours in which a client wants to be written to."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

OPENS, CLOSES = 8, 20  # client-local hours: never before 08:00, never from 20:00


def due(
    at: datetime, zone: str, *, opens: int = OPENS, closes: int = CLOSES, default: str = "Europe/London"
) -> datetime:
    """The first moment from `at` on, in UTC, that lies in [opens, closes) on the wall clock of `zone`.

    A zone nobody knows is read as `default`. Right across changes of the clock: the next morning is the next
    morning's wall time, not twelve hours later.
    """
    if at.tzinfo is None:
        raise ValueError("at must carry its time zone")
    if not 0 <= opens < closes <= 24:
        raise ValueError(f"hours must be 0 <= opens < closes <= 24, not {opens} and {closes}")
    try:
        here = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        here = ZoneInfo(default)
    local = at.astimezone(here)
    if opens <= local.hour < closes:
        return at.astimezone(UTC)
    day = local.date() + timedelta(days=local.hour >= closes)
    return datetime.combine(day, time(opens), here).astimezone(UTC)


def when(
    at: datetime, zones: Sequence[str], *, opens: int = OPENS, closes: int = CLOSES, default: str = "Europe/London"
) -> np.ndarray:
    """`due` for many clients: (n,) datetime64[us] in UTC, one zone name per client."""
    known = {
        zone: np.datetime64(due(at, zone, opens=opens, closes=closes, default=default).replace(tzinfo=None), "us")
        for zone in set(zones)
    }
    return np.array([known[zone] for zone in zones], "datetime64[us]")
