"""Every occurrence is there exactly once, in order and at the right local time, whatever clocks do to people."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.occurrences import DAILY, MONTHLY, ONCE, WEEKLY, Rhythm, moments

# Gaps of an hour and of half an hour, at night and around midnight, north and south, and none at all.
ZONES = ("Europe/London", "America/New_York", "Australia/Lord_Howe", "America/Nuuk", "Africa/Cairo", "Asia/Kolkata")
TEN_YEARS = 3653
MINUTE = timedelta(minutes=1)
rhythms = st.tuples(
    st.dates(date(2024, 1, 1), date(2030, 12, 31)),
    st.builds(time, st.integers(0, 23), st.integers(0, 59)),  # a schedule is asked for to the minute
    st.sampled_from([ONCE, DAILY, DAILY, WEEKLY, MONTHLY]),
)
nights = st.tuples(  # where the gaps are
    st.dates(date(2024, 1, 1), date(2030, 12, 31)),
    st.builds(time, st.sampled_from([0, 1, 2, 3, 22, 23]), st.integers(0, 59)),
    st.just(DAILY),
)


def clock(at: datetime, where: ZoneInfo) -> datetime:
    """What a clock on a wall there shows."""
    return at.astimezone(where).replace(tzinfo=None)


@pytest.mark.parametrize("zone", ZONES)
@settings(max_examples=6, deadline=None)
@given(asked=st.one_of(rhythms, nights))
def test_over_ten_years_each_day_is_met_once_in_order_at_its_time(zone: str, asked: tuple[date, time, str]) -> None:
    first, at, repeat = asked
    where, until = ZoneInfo(zone), first + timedelta(days=TEN_YEARS)
    found = list(moments(Rhythm(first, at, zone, repeat, until)))

    assert [one.local_date for one in found] == wanted(first, until, repeat)
    assert all(one.due_at < two.due_at for one, two in pairwise(found))
    for one in found:
        asked_for, shown = datetime.combine(one.local_date, at), clock(one.due_at, where)
        assert (one.due_at.tzinfo, one.local) == (UTC, one.due_at.astimezone(where))
        if shown == asked_for:  # and no clock showed it before
            assert all(clock(one.due_at - MINUTE * n, where) != asked_for for n in (30, 60, 120))
        else:  # no clock ever shows it: they jump over it in this very moment
            assert clock(one.due_at - timedelta(microseconds=1), where) < asked_for < shown
            assert (shown - asked_for) <= timedelta(hours=1)


def wanted(first: date, until: date, repeat: str) -> list[date]:
    """The days by looking at each one of them."""
    every = [first + timedelta(days=n) for n in range((until - first).days + 1)]
    if repeat == ONCE:
        return every[:1]
    if repeat == WEEKLY:
        return [one for one in every if one.weekday() == first.weekday()]
    if repeat == MONTHLY:
        lasts = {one for one in every if (one + timedelta(days=1)).day == 1}
        return [one for one in every if one.day == first.day or (one in lasts and one.day < first.day)]
    return every


@given(asked=rhythms, days=st.integers(-40, 4000))
@settings(max_examples=30, deadline=None)
def test_going_on_behind_any_day_gives_the_rest(asked: tuple[date, time, str], days: int) -> None:
    first, at, repeat = asked
    rhythm = Rhythm(first, at, "Europe/London", repeat, first + timedelta(days=4000))
    after = first + timedelta(days=days)

    assert list(moments(rhythm, after=after)) == [one for one in moments(rhythm) if one.local_date > after]


@pytest.mark.parametrize(
    ("zone", "day", "at", "due", "local"),
    [
        ("Europe/London", date(2027, 3, 28), time(1, 30), "2027-03-28T01:00:00+00:00", "2027-03-28T02:00:00+01:00"),
        ("Europe/London", date(2027, 10, 31), time(1, 30), "2027-10-31T00:30:00+00:00", "2027-10-31T01:30:00+01:00"),
        ("America/New_York", date(2027, 3, 14), time(2, 0), "2027-03-14T07:00:00+00:00", "2027-03-14T03:00:00-04:00"),
        ("Australia/Lord_Howe", date(2027, 10, 3), time(2, 15), "2027-10-02T15:30:00+00:00",
         "2027-10-03T02:30:00+11:00"),
        ("America/Nuuk", date(2027, 3, 27), time(23, 30), "2027-03-28T01:00:00+00:00", "2027-03-28T00:00:00-01:00"),
        ("Pacific/Apia", date(2011, 12, 30), time(9, 0), "2011-12-30T10:00:00+00:00", "2011-12-31T00:00:00+14:00"),
    ],
)  # fmt: skip
def test_a_gap_ends_in_its_first_moment_and_an_overlap_counts_once(
    zone: str, day: date, at: time, due: str, local: str
) -> None:
    (found,) = moments(Rhythm(day, at, zone, ONCE))

    assert (found.due_at.isoformat(), found.local.isoformat()) == (due, local)


def test_a_short_month_gives_its_last_day_and_the_next_the_asked_one_again() -> None:
    found = moments(Rhythm(date(2027, 12, 31), time(9), "UTC", MONTHLY, date(2028, 4, 30)))

    assert [one.local_date.isoformat() for one in found] == [
        "2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30",
    ]  # fmt: skip
