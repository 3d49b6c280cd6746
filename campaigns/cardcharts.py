"""A model's card as geometry: is a probability to be believed, and what moves it."""

from dataclasses import dataclass
from typing import Any

SIZE, EDGE = 320.0, 44.0  # the reliability chart is a square with an edge for its scale
BAR = 300.0  # width of the longest bar


@dataclass(frozen=True, slots=True)
class Dot:
    """One group of predictions: where it is drawn, and what it says."""

    x: float
    y: float
    radius: float
    predicted: float
    observed: float
    n: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on both scales: its distance from the left and from the top, and its words."""

    x: float
    y: float
    words: str


@dataclass(frozen=True, slots=True)
class Reliability:
    """Dots on the diagonal are honest probabilities. low, high: ends of the diagonal in the chart's coordinates."""

    dots: tuple[Dot, ...]
    ticks: tuple[Tick, ...]
    left: float
    right: float
    top: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Weight:
    """A term and how far its bar reaches, in [0, 300]."""

    name: str
    weight: float
    length: float


def reliability(bins: list[dict[str, Any]]) -> Reliability | None:
    """The reliability chart of a card; None without groups."""
    if not bins:
        return None
    top = max(max(one["predicted"], one["observed"]) for one in bins) * 1.05 or 1.0
    across = SIZE - EDGE - 12

    def x(share: float) -> float:
        return round(EDGE + across * share / top, 1)

    def y(share: float) -> float:
        return round(SIZE - EDGE - across * share / top, 1)

    most = max(one["n"] for one in bins)
    dots = tuple(
        Dot(x(one["predicted"]), y(one["observed"]), round(3 + 3 * (one["n"] / most) ** 0.5, 1), **one) for one in bins
    )
    marks = tuple(Tick(x(top * i / 4), y(top * i / 4), f"{100 * top * i / 4:.0f} %") for i in range(5))
    return Reliability(dots, marks, x(0), x(top), y(top), y(0))


def weights(importance: list[dict[str, Any]], *, most: int = 15) -> list[Weight]:
    """The terms that move predictions most, as bars."""
    shown = importance[:most]
    longest = max((one["weight"] for one in shown), default=0.0)
    return [
        Weight(one["name"], one["weight"], round(BAR * one["weight"] / longest, 1) if longest else 0.0) for one in shown
    ]
