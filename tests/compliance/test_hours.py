"""Business hours count Monday to Friday, nine to five."""

from datetime import UTC, datetime

import pytest

from compliance import hours

LONDON = "Europe/London"


@pytest.mark.parametrize(
    ("start", "count", "end"),
    [
        (datetime(2026, 11, 23, 9, tzinfo=UTC), 8, datetime(2026, 11, 23, 17, tzinfo=UTC)),
        (datetime(2026, 11, 23, 12, tzinfo=UTC), 8, datetime(2026, 11, 24, 12, tzinfo=UTC)),
        (datetime(2026, 11, 23, 12, tzinfo=UTC), 16, datetime(2026, 11, 25, 12, tzinfo=UTC)),
        (datetime(2026, 11, 27, 16, tzinfo=UTC), 8, datetime(2026, 11, 30, 16, tzinfo=UTC)),
        (datetime(2026, 11, 28, 3, tzinfo=UTC), 1, datetime(2026, 11, 30, 10, tzinfo=UTC)),
        (datetime(2026, 11, 23, 20, tzinfo=UTC), 0.5, datetime(2026, 11, 24, 9, 30, tzinfo=UTC)),
        (datetime(2026, 3, 27, 16, tzinfo=UTC), 2, datetime(2026, 3, 30, 9, tzinfo=UTC)),  # the clock moves between
    ],
)
def test_working_time_is_counted(start, count, end):
    assert hours.add(start, count, zone=LONDON) == end


@pytest.mark.parametrize(("start", "count"), [(datetime(2026, 11, 23, 9), 1), (datetime(2026, 11, 23, tzinfo=UTC), -1)])  # noqa: DTZ001
def test_a_naive_time_or_negative_hours_are_refused(start, count):
    with pytest.raises(ValueError, match="business hours"):
        hours.add(start, count, zone=LONDON)
