"""Pictures as numbers: from counts and rates to the geometry that templates/parts/chart_*.html draw as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

BAR = 1000.0  # width of a stacked bar's own coordinates
PLOT = 300.0  # width of an interval row's own coordinates
WIDTH, HEIGHT = 640.0, 280.0  # a line chart's own coordinates
TINY = 1e-9  # values closer than this are one value to the eye
NAME = 30.0  # width of a spot's name
LEFT, RIGHT, TOP, BOTTOM = 52.0, 16.0, 12.0, 30.0


@dataclass(frozen=True, slots=True)
class Part:
    """A named share of a whole; tone is "", "ok", "warn", "bad", "info", "muted" or "rest"."""

    words: str
    number: int
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part as a rectangle: x and width in [0, 1000], share in [0, 1]."""

    words: str
    number: int
    tone: str
    x: float
    width: float
    share: float


@dataclass(frozen=True, slots=True)
class Stack:
    """Parts side by side that together are the whole; `adds_up` is False when they are not."""

    segments: tuple[Segment, ...]
    total: int
    adds_up: bool

    @property
    def words(self) -> str:
        """The whole bar in one sentence, for those who do not see it."""
        return "; ".join(f"{one.words} {one.number:,}" for one in self.segments) or "nothing yet"


def stack(parts: Sequence[Part], *, total: int) -> Stack:
    """A bar of `total`; empty parts are left out, what is unaccounted for stays visible as its ground."""
    given = sum(one.number for one in parts)
    whole, x, segments = max(total, given, 1), 0.0, []
    for one in parts:
        if one.number > 0:
            width = BAR * one.number / whole
            segments.append(Segment(one.words, one.number, one.tone, _r(x), _r(width), one.number / whole))
            x += width
    return Stack(tuple(segments), total, given == total)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an audience on its way down: how many are left, and how many the step cost."""

    words: str
    number: int
    lost: int
    width: float


def steps(counted: Sequence[tuple[str, int]]) -> tuple[Step, ...]:
    """(words, how many are left) in order, as bars in [0, 1000] of the first."""
    if not counted:
        return ()
    first = max(number for _, number in counted) or 1
    before = [counted[0][1], *[number for _, number in counted[:-1]]]
    return tuple(
        Step(words, number, was - number, _r(BAR * number / first))
        for (words, number), was in zip(counted, before, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval; any unit, the same for all of one chart."""

    words: str
    value: float
    low: float
    high: float
    tone: str = "1"


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on a scale: where, and what it says."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Whisker:
    """An estimate as a dot with its interval, x in [0, 300]."""

    words: str
    tone: str
    x: float
    left: float
    right: float
    value: float
    low: float
    high: float

    @property
    def length(self) -> float:
        """The interval's width, for a bar."""
        return _r(self.right - self.left)


@dataclass(frozen=True, slots=True)
class Forest:
    """Estimates on one scale; `zero` is where nought lies, None when it is off the scale. is_share: told in percent."""

    rows: tuple[Whisker, ...]
    ticks: tuple[Tick, ...]
    zero: float | None
    is_share: bool = True


def forest(estimates: Sequence[Estimate], *, around_zero: bool = False, is_share: bool = True) -> Forest:
    """Estimates in [0, 1] (or differences of such, with `around_zero`; or amounts) on one scale with round ticks."""
    if not estimates:
        return Forest((), (), None)
    low, high = min(one.low for one in estimates), max(one.high for one in estimates)
    if around_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    marks = scale(low, high)
    start, span = marks[0], marks[-1] - marks[0]

    def place(value: float) -> float:
        return _r(PLOT * (value - start) / span)

    rows = tuple(
        Whisker(one.words, one.tone, place(one.value), place(one.low), place(one.high), one.value, one.low, one.high)
        for one in estimates
    )
    words = [percent(mark, marks, signed=around_zero) if is_share else f"{mark:,.10g}" for mark in marks]
    ticks = tuple(Tick(place(mark), said) for mark, said in zip(marks, words, strict=True))
    return Forest(rows, ticks, place(0.0) if marks[0] <= 0 <= marks[-1] else None, is_share)


@dataclass(frozen=True, slots=True)
class Line:
    """One series: `path` for an SVG path, and where and at what it ends."""

    words: str
    tone: str
    path: str
    end_x: float
    end_y: float
    last: float


@dataclass(frozen=True, slots=True)
class LineChart:
    """Series over days in one frame of 640 by 280."""

    lines: tuple[Line, ...]
    days: tuple[Tick, ...]
    levels: tuple[Tick, ...]
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM


@dataclass(frozen=True, slots=True)
class Series:
    """Shares in [0, 1] by day, ascending; days between two points keep the earlier one's share."""

    words: str
    tone: str
    points: Sequence[tuple[date, float]]


def over_time(series: Sequence[Series]) -> LineChart | None:
    """Cumulative shares as steps over days; None when no series has a point."""
    drawn = [one for one in series if one.points]
    if not drawn:
        return None
    first = min(one.points[0][0] for one in drawn)
    last = max(max(one.points[-1][0] for one in drawn), first + timedelta(days=1))
    marks = scale(0.0, max(value for one in drawn for _, value in one.points))
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(day: date) -> float:
        return _r(LEFT + across * (day - first).days / (last - first).days)

    def y(value: float) -> float:
        return _r(TOP + down * (1 - value / marks[-1]))

    lines = []
    for one in drawn:
        path, level = f"M{x(one.points[0][0])} {y(0.0)}", 0.0
        for day, value in one.points:
            path += f"H{x(day)}V{y(value)}"
            level = value
        lines.append(Line(one.words, one.tone, f"{path}H{x(last)}", x(last), y(level), level))
    span = (last - first).days
    gap = max(1, math.ceil(span / 5))
    days = [first + timedelta(days=n) for n in range(0, span + 1, gap)]
    return LineChart(
        tuple(lines),
        tuple(Tick(x(day), f"{day.day} {day:%b}") for day in days),
        tuple(Tick(y(mark), percent(mark, marks)) for mark in marks),
    )


Interval = tuple[float, float, float]  # value, low, high


@dataclass(frozen=True, slots=True)
class Spot:
    """A policy by two measures in [0, 1]; is_allowed  False for one that may not be chosen."""

    words: str
    across: Interval
    up: Interval
    is_allowed: bool


@dataclass(frozen=True, slots=True)
class Placed:
    """A spot where it is drawn, with the ends of its two intervals."""

    spot: Spot
    x: float
    y: float
    left: float
    right: float
    top: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Frontier:
    """Policies between two aims in one frame of 640 by 280; path joins them in the order given.

    names  one for each spot or row of spots that would cover each other's: (x, y, words)
    """

    spots: tuple[Placed, ...]
    names: tuple[tuple[float, float, str], ...]
    path: str
    across: tuple[Tick, ...]
    levels: tuple[Tick, ...]
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM


def frontier(spots: Sequence[Spot]) -> Frontier | None:
    """Spots by their two measures on round scales; None without any."""
    if not spots:
        return None
    wide = scale(min(one.across[1] for one in spots), max(one.across[2] for one in spots))
    tall = scale(min(one.up[1] for one in spots), max(one.up[2] for one in spots))

    def x(value: float) -> float:
        return _r(LEFT + (WIDTH - LEFT - RIGHT) * (value - wide[0]) / (wide[-1] - wide[0]))

    def y(value: float) -> float:
        return _r(TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - tall[0]) / (tall[-1] - tall[0])))

    placed = tuple(
        Placed(one, x(one.across[0]), y(one.up[0]), x(one.across[1]), x(one.across[2]), y(one.up[2]), y(one.up[1]))
        for one in spots
    )
    return Frontier(
        placed,
        _names(placed),
        "M" + "L".join(f"{one.x} {one.y}" for one in placed),
        tuple(Tick(x(mark), percent(mark, wide)) for mark in wide),
        tuple(Tick(y(mark), percent(mark, tall)) for mark in tall),
    )


def _names(placed: Sequence[Placed]) -> tuple[tuple[float, float, str], ...]:
    """One name for each row of neighbours that lie closer than a name is wide."""
    rows: list[list[Placed]] = []
    for one in placed:
        if rows and math.hypot(one.x - rows[-1][0].x, one.y - rows[-1][0].y) < NAME:
            rows[-1].append(one)
        else:
            rows.append([one])
    return tuple(
        (row[0].x, row[0].y, row[0].spot.words if len(row) == 1 else f"{row[0].spot.words} to {row[-1].spot.words}")
        for row in rows
    )


def scale(low: float, high: float, *, about: int = 4) -> tuple[float, ...]:
    """Round marks (1, 2 or 5 times a power of ten apart) that cover [low, high]; at least two.

    Source: Heckbert, "Nice numbers for graph labels", Graphics Gems (1990).
    """
    if high - low < TINY:
        high = low + max(abs(low), 1.0) * 0.1
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    gap = next(power * one for one in (1, 2, 5, 10) if raw <= power * one * (1 + 1e-9))
    first, last = math.floor(low / gap + 1e-9), math.ceil(high / gap - 1e-9)
    return tuple(round(one * gap, 12) for one in range(first, max(last, first + 1) + 1))


def percent(mark: float, marks: Sequence[float], *, signed: bool = False) -> str:
    """A mark as a percentage with as many places as the distance between `marks` needs."""
    gap = abs(marks[1] - marks[0]) * 100
    places = max(0, -math.floor(math.log10(gap) + 1e-9))
    sign = "+" if signed and mark > 0 else ""
    return f"{sign}{100 * mark:.{places}f} %".replace("-", "−")


def _r(value: float) -> float:
    return round(value, 1)


@dataclass(frozen=True, slots=True)
class Column:
    """One hour's column: where it stands, and its height, in a frame of 640 by 280."""

    hour: int
    number: int
    share: float
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Hours:
    """Numbers by hour of the day as columns; most  the hour with the most."""

    columns: tuple[Column, ...]
    levels: tuple[Tick, ...]
    most: Column
    left: float = LEFT
    right: float = WIDTH - RIGHT
    bottom: float = HEIGHT - BOTTOM


def by_hour(numbers: Sequence[int]) -> Hours:
    """24 numbers, not all 0, as shares of their sum."""
    total = sum(numbers)
    marks = scale(0.0, max(numbers) / total)
    step, down = (WIDTH - LEFT - RIGHT) / 24, HEIGHT - TOP - BOTTOM
    columns = tuple(
        Column(
            hour, number, number / total, _r(LEFT + step * hour + 2), _r(TOP + down * (1 - number / total / marks[-1])),
            _r(step - 4), _r(down * number / total / marks[-1]),
        )
        for hour, number in enumerate(numbers)
    )  # fmt: skip
    levels = tuple(Tick(_r(TOP + down * (1 - mark / marks[-1])), percent(mark, marks)) for mark in marks)
    return Hours(columns, levels, max(columns, key=lambda one: one.number))
