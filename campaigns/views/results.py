"""What a campaign achieved, in pictures and honest words."""

import math
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from campaigns import board, charts, desks, results
from campaigns.models import Arm
from campaigns.results import ArmResult, Effect, Summary
from compliance.web import needs, page

TONES = {Arm.PERSONALISED: "1", Arm.CONTROL: "2", Arm.HOLDOUT: "3"}


@require_safe
@needs("compliance.build_campaigns", "compliance.oversee")
def campaign_results(request: HttpRequest, slug: str) -> HttpResponse:
    """Rates with intervals by side, differences, how it grew over time, and where everybody of each run is."""
    at = now()
    campaign = get_object_or_404(desks.campaigns(request.user).select_related("owner"), slug=slug)
    summary = results.summary(campaign, at=at)
    listed = list(campaign.runs.order_by("-number")[:10])
    counted = board.counts(listed)
    headline, is_good = _headline(summary)
    context = {
        "campaign": campaign,
        "at": at,
        "summary": summary,
        "arms": _ordered(summary),
        "verdicts": [(one, _is_proven(summary, one)) for one in summary.effects],
        "rates": _rates(summary),
        "effects": _effects(summary),
        "growth": _growth(summary),
        "runs": [(one, counted[one.pk], board.bar(counted[one.pk])) for one in listed],
        "best": _best(summary),
        "headline": headline,
        "is_good": is_good,
    }
    return page(request, "console/results.html", context)


def _is_proven(summary: Summary, effect: Effect) -> bool:
    """Words never say more than the interval does, and nothing when the sides have the wrong size."""
    return summary.srm_ok and effect.enough and (effect.low > 0 or effect.high < 0)


def _headline(summary: Summary) -> tuple[str, bool]:
    """The most that the intervals allow to be said, and whether it is good news; ("", False) when nothing is proven.

    Better than the holdout means that writing helped; only better than the segmented control means that choosing did.
    """
    proven = {one.versus: one.low > 0 for one in summary.effects if _is_proven(summary, one)}
    control, holdout = proven.get(Arm.CONTROL.label), proven.get(Arm.HOLDOUT.label)
    if control is not None:
        return ("Personalising helped", True) if control else ("Personalising did harm", False)
    if holdout is not None:
        said = "Writing helped; that personalising adds to it is not proven"
        return (said, True) if holdout else ("Writing did harm", False)
    return "", False


def _best(summary: Summary) -> ArmResult | None:
    """The side ahead of every other, proven or not; None without another side, or when the first two are level."""
    ranked = sorted(summary.arms, key=lambda one: -one.outcome_rate)
    return ranked[0] if len(ranked) > 1 and ranked[0].outcome_rate > ranked[1].outcome_rate else None


def _rates(summary: Summary) -> charts.Forest:
    return charts.forest(
        [charts.Estimate(one.label, one.outcome_rate, *one.interval, TONES[Arm(one.arm)]) for one in _ordered(summary)]
    )


def _effects(summary: Summary) -> charts.Forest:
    # Before the first success on both sides an interval has no ends, and there is nothing to draw.
    drawn = [
        charts.Estimate(one.versus, one.difference, one.low, one.high)
        for one in summary.effects
        if math.isfinite(one.low) and math.isfinite(one.high)
    ]
    return charts.forest(drawn, around_zero=True)


def _growth(summary: Summary) -> charts.LineChart | None:
    points: dict[str, list[tuple[date, float]]] = {one.arm: [] for one in _ordered(summary)}
    for day, arm, rate in summary.series:
        points[arm].append((day, rate))
    return charts.over_time([charts.Series(Arm(arm).label, TONES[Arm(arm)], days) for arm, days in points.items()])


def _ordered(summary: Summary) -> list[results.ArmResult]:
    order = list(TONES)
    return sorted(summary.arms, key=lambda one: order.index(Arm(one.arm)))
