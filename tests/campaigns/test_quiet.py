"""Nobody is written to in the night of the place where they live, whatever the clocks do."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from campaigns import quiet
from compliance.models import Channel


@pytest.mark.parametrize(
    ("at", "zone", "opens"),
    [
        ("2026-01-15T12:00", "Europe/London", None),
        ("2026-01-15T07:59", "Europe/London", "2026-01-15T08:00"),
        ("2026-01-15T20:00", "Europe/London", "2026-01-16T08:00"),
        ("2026-07-15T19:30", "Europe/London", "2026-07-16T07:00"),  # 20:30 in British summer
        ("2026-03-28T22:00", "Europe/London", "2026-03-29T07:00"),  # the clocks go forward in that night
        ("2026-10-24T22:00", "Europe/London", "2026-10-25T08:00"),  # and back in that one
        ("2026-01-15T12:00", "America/Los_Angeles", "2026-01-15T16:00"),
        ("2026-01-15T23:30", "Asia/Kathmandu", "2026-01-16T02:15"),
        ("2026-01-15T21:00", "Nowhere/Atlantis", "2026-01-16T08:00"),  # an unknown zone is read as UTC
    ],
)
def test_a_message_waits_for_the_clients_morning(at: str, zone: str, opens: str | None) -> None:
    found = quiet.morning(zone=zone, hours="20-8", at=datetime.fromisoformat(at).replace(tzinfo=UTC))

    assert (found and found.astimezone(UTC)) == (opens and datetime.fromisoformat(opens).replace(tzinfo=UTC))


def test_no_quiet_hours_are_no_wait() -> None:
    assert quiet.morning(zone="Europe/London", hours="", at=datetime(2026, 1, 15, 23, tzinfo=UTC)) is None


ZONES = (
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Pacific/Apia",
)


@pytest.mark.parametrize("zone", ZONES)
def test_every_night_of_ten_years_ends_once_and_never_in_the_night(zone: str) -> None:
    """Asked at every half hour around the clock changes and every seven hours of every day of ten years."""
    where, hours = ZoneInfo(zone), quiet.BY_LAW[Channel.SMS]
    day, mornings = datetime(2020, 1, 1, tzinfo=UTC), set()
    while day.year < 2030:
        changes = day.astimezone(where).utcoffset() != (day + timedelta(days=1)).astimezone(where).utcoffset()
        steps = range(0, 1440, 30) if changes else (0, 420, 840, 1260)
        for minutes in steps:
            at = day + timedelta(minutes=minutes)
            local, opens = at.astimezone(where), quiet.morning(zone=zone, hours=hours, at=at)
            assert (opens is None) == (8 <= local.hour < 21)
            if opens is not None:
                assert at < opens <= at + timedelta(hours=12.5)
                assert opens.astimezone(UTC).astimezone(where).strftime("%H:%M") == "08:00"
                assert quiet.morning(zone=zone, hours=hours, at=opens.astimezone(UTC)) is None
                mornings.add((opens.astimezone(UTC), opens.date()))
        day += timedelta(days=1)

    assert len({date for _, date in mornings}) == len(mornings), "a night ended twice"
    assert len(mornings) >= 10 * 365
