"""Quiet hours: when it is night where the client lives, a message waits for the morning."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from compliance.models import Channel

# 47 CFR 64.1200(c)(1): no calls or texts before 8 a.m. or after 9 p.m. local time. The law knows no such hours for
# e-mail; a firm may set its own.
BY_LAW = {Channel.SMS: "21-8", Channel.PHONE: "21-8", Channel.PUSH: "21-8"}


def morning(*, zone: str, hours: str, at: datetime) -> datetime | None:
    """When the quiet hours that hold at `at` end, or None outside them.

    hours  "21-8": from 21:00 to 8:00 local time; "" for none · zone  an IANA name; an unknown one counts as UTC
    """
    if not hours:
        return None
    first, last = _ends(hours)
    where = place(zone)
    local = at.astimezone(where)
    inside = first <= local.hour < last if first < last else local.hour >= first or local.hour < last
    if first == last or not inside:
        return None
    day = local.date() + timedelta(days=1 if first > last and local.hour >= first else 0)
    # A wall-clock time that the change to summer time skips is read by its offset before the change.
    return datetime.combine(day, time(last), tzinfo=where)


def place(zone: str) -> ZoneInfo:
    """The zone of this name; UTC for one nobody knows."""
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def awake(hours: str) -> np.ndarray:
    """The hours of a day outside quiet hours such as "21-8": (24,) bool."""
    if not hours:
        return np.ones(24, bool)
    first, last = _ends(hours)
    return ~within(first, last) if first <= last else within(last, first)


def within(first: int, last: int) -> np.ndarray:
    """The hours from the first until before the last of a day: (24,) bool."""
    day = np.arange(24)
    return (day >= first) & (day < last)


def wished(hours: str) -> np.ndarray:
    """The hours in which a client wishes to hear from us, such as "18-22", all for "": (24,) bool."""
    return within(*_ends(hours)) if hours else np.ones(24, bool)


def outside(hours: str) -> str:
    """The hours beside those that a client wishes, as quiet hours: "22-18" for "18-22"."""
    first, last = _ends(hours)
    return f"{last}-{first}"


def _ends(hours: str) -> tuple[int, int]:
    first, last = (int(one) for one in hours.split("-"))
    return first, last
