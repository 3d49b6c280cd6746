"""Guardrails: a campaign after which clients fare worse, or that treats groups unlike, pauses by itself.

One may look as often as one likes: intervals hold at any time. A second person lets a paused run go on.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns.bulk import wellbeing as bulk
from campaigns.fairness import reports
from campaigns.fairness.exposures import ROLLING
from campaigns.models import Campaign
from campaigns.provider import watch
from campaigns.results import BARRED
from personalize.learn import effects
from personalize.learn.effects import Sample

BY = "system:guard"
EVERY = timedelta(hours=24)  # a campaign under way is compared anew after this long
# How many times as often as among those nobody chose for; compliance specification, 6.6.
MOST = {"opt_out": 2.0, "complained_later": 2.0, "early_exit": 1.25}


@dataclass(frozen=True, slots=True)
class Harm:
    """How one thing went. chosen, base: its share or mean among those chosen for and the others; stops: proven worse.

    n, events  those chosen for, and how many it happened to · low, high  the difference, right at any time
    """

    kind: str
    chosen: float
    base: float
    low: float
    high: float
    n: int
    events: int
    stops: bool


def harms(campaign_id: int, *, at: datetime) -> list[Harm]:
    """How clients fared in the last 28 days after what the campaign chose, beside its control and holdout."""
    found = bulk.sides(campaign_id, barred=BARRED, since=at - ROLLING, at=at)
    if len(found) < 2:
        return []
    mine, others = found[True], found[False]
    told = [
        _share("complained_later", mine["complaints"], mine["n"], others["complaints"], others["n"]),
        _share("early_exit", mine["exits"], mine["n"], others["exits"], others["n"]),
        _share("opt_out", mine["opt_outs"], mine["reached"], others["opt_outs"], others["reached"]),
    ]
    sides = [Sample(one["told"], one["satisfaction"], one["spread"]) for one in (mine, others)]
    compared = effects.sequential(*sides)
    worse = math.isfinite(compared.high) and compared.high < 0
    told.append(
        Harm("less_satisfied", sides[0].mean, sides[1].mean, compared.low, compared.high, sides[0].n, sides[0].n, worse)
    )
    return told


def _share(kind: str, events: int, n: int, base_events: int, base_n: int) -> Harm:
    compared = effects.difference(events, n, base_events, base_n)
    share, base = events / n if n else 0.0, base_events / base_n if base_n else 0.0
    worse = math.isfinite(compared.low) and compared.low > 0 and share > MOST[kind] * base
    return Harm(kind, share, base, compared.low, compared.high, n, events, worse)


def look(*, at: datetime) -> list[int]:
    """Pause the runs of campaigns that do harm or treat groups unlike; which ones."""
    paused = []
    for campaign_id, run_ids in bulk.under_way():
        found = [
            watch.Health(one.kind, one.events, one.n, min(one.chosen, 1.0), "stop")
            for one in harms(campaign_id, at=at)
            if one.stops
        ]
        found += _unlike(campaign_id, at=at)
        for run_id in run_ids:
            paused += [run_id for one in found[:1] if watch.pause(run_id, one, at=at)]
    return paused


def _unlike(campaign_id: int, *, at: datetime) -> list[watch.Health]:
    """The campaign's newest comparison of groups, made anew after a day, if it failed."""
    newest = reports.newest(campaign=campaign_id)
    if newest is None or newest.made_at <= at - EVERY:
        campaign = Campaign.objects.get(pk=campaign_id)
        newest = reports.of_campaign(campaign, since=at - ROLLING, until=at, by=BY, at=at)
    failed = sum(one["verdict"] == "fail" for one in newest.findings)
    if newest.verdict != "fail":
        return []
    return [watch.Health("unlike", failed, newest.clients, failed / len(newest.findings), "stop")]
