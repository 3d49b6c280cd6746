"""Quiet hours: when it is night where the client lives, a message waits for the morning."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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
    first, last = (int(one) for one in hours.split("-"))
    try:
        where = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        where = ZoneInfo("UTC")
    local = at.astimezone(where)
    inside = first <= local.hour < last if first < last else local.hour >= first or local.hour < last
    if first == last or not inside:
        return None
    day = local.date() + timedelta(days=1 if first > last and local.hour >= first else 0)
    # A wall-clock time that the change to summer time skips is read by its offset before the change.
    return datetime.combine(day, time(last), tzinfo=where)
