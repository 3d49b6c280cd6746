"""Numbers become geometry: they stay in the frame, they add up, and the scale is round."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import charts

FINITE = st.floats(0, 1, allow_nan=False)


def test_a_stacked_bar_shows_every_part_in_proportion():
    parts = [charts.Part("Sent", 600, "ok"), charts.Part("Held", 0), charts.Part("Not sent", 400)]

    bar = charts.stack(parts, total=1000)

    assert [(one.words, one.x, one.width, one.share) for one in bar.segments] == [
        ("Sent", 0.0, 600.0, 0.6),
        ("Not sent", 600.0, 400.0, 0.4),
    ]
    assert bar.adds_up
    assert bar.words == "Sent 600; Not sent 400"


def test_a_bar_that_does_not_add_up_says_so():
    assert not charts.stack([charts.Part("Sent", 9)], total=10).adds_up
    assert not charts.stack([charts.Part("Sent", 11)], total=10).adds_up


def test_an_empty_bar_has_no_segments():
    assert charts.stack([], total=0) == charts.Stack((), 0, True)


@given(st.lists(st.integers(0, 10**6), max_size=8))
def test_segments_never_leave_the_bar(numbers):
    bar = charts.stack([charts.Part(str(n), n) for n in numbers], total=sum(numbers))

    assert all(0 <= one.x <= charts.BAR and one.x + one.width <= charts.BAR + 0.2 for one in bar.segments)
    assert bar.adds_up


def test_each_step_of_an_audience_says_what_it_cost():
    found = charts.steps([("in the segment", 41_203), ("with consent", 31_112), ("eligible", 0)])

    assert [(one.number, one.lost, one.width) for one in found] == [
        (41_203, 0, 1000.0),
        (31_112, 10_091, 755.1),
        (0, 31_112, 0.0),
    ]
    assert charts.steps([]) == ()
    assert charts.steps([("in the segment", 0)])[0].width == 0


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        (0.0, 0.1, (0.0, 0.05, 0.1)),
        (0.0, 0.0, (0.0, 0.05, 0.1)),
        (0.0, 5e-324, (0.0, 0.05, 0.1)),
        (-0.013, 0.042, (-0.02, 0.0, 0.02, 0.04, 0.06)),
        (0.11, 0.13, (0.11, 0.115, 0.12, 0.125, 0.13)),
    ],
)
def test_a_scale_has_round_marks(low, high, marks):
    assert charts.scale(low, high) == marks


@given(FINITE, FINITE)
def test_a_scale_covers_its_values(one, other):
    low, high = sorted((one, other))
    marks = charts.scale(low, high)

    assert marks[0] <= low + 1e-9
    assert marks[-1] >= high - 1e-9
    assert 2 <= len(marks) <= 8


def test_intervals_share_one_scale_and_know_where_zero_is():
    found = charts.forest(
        [charts.Estimate("control", 0.02, -0.01, 0.05), charts.Estimate("holdout", 0.04, 0.02, 0.06, "2")],
        around_zero=True,
    )

    assert [tick.words for tick in found.ticks] == ["−2 %", "0 %", "+2 %", "+4 %", "+6 %"]
    assert found.zero == 75.0
    assert [(row.left, row.x, row.right) for row in found.rows] == [(37.5, 150.0, 262.5), (150.0, 225.0, 300.0)]
    assert charts.forest([]) == charts.Forest((), (), None)


def test_shares_over_time_are_steps_that_end_at_the_last_day():
    chart = charts.over_time(
        [
            charts.Series("Personalised", "1", [(date(2026, 3, 1), 0.02), (date(2026, 3, 5), 0.04)]),
            charts.Series("Control", "2", []),
        ]
    )

    assert chart is not None
    assert [line.path for line in chart.lines] == ["M52.0 250.0H52.0V131.0H624.0V12.0H624.0"]
    assert [tick.words for tick in chart.levels] == ["0 %", "1 %", "2 %", "3 %", "4 %"]
    assert [tick.words for tick in chart.days] == ["1 Mar", "2 Mar", "3 Mar", "4 Mar", "5 Mar"]


def test_nothing_over_time_is_no_chart():
    assert charts.over_time([]) is None
    assert charts.over_time([charts.Series("Personalised", "1", [])]) is None


def test_one_day_alone_is_still_drawn():
    chart = charts.over_time([charts.Series("Personalised", "1", [(date(2026, 3, 1), 0.0)])])

    assert chart is not None
    assert len(chart.lines) == 1
