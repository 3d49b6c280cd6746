"""The newest trade-off curves, for pages."""

from campaigns import charts
from campaigns.charts import Frontier
from campaigns.learning.rewards import MOST_ENGAGEMENT
from campaigns.models import TradeOff, UseCase


def newest() -> list[tuple[str, TradeOff, Frontier | None]]:
    """(use case in words, its newest curve, its picture; None where there is no curve) of all that have one."""
    found = TradeOff.objects.order_by("use_case", "-made_at", "-pk").distinct("use_case")
    return [(UseCase(one.use_case).label, one, _drawn(one)) for one in found]


def _drawn(one: TradeOff) -> Frontier | None:
    spots = [
        charts.Spot(
            f"{100 * point['share']:.0f} %", tuple(point["opened"]), tuple(point["served"]),
            is_allowed=point["share"] <= MOST_ENGAGEMENT,
        )
        for point in one.points
    ]  # fmt: skip
    return charts.frontier(spots)
