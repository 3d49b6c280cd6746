"""Fairness reports: made of a campaign as it went, kept for good, and who may act on them."""

from datetime import datetime
from typing import Any

from django.db import transaction

from campaigns.fairness import exposures, measures
from campaigns.models import Campaign, FairnessReport
from compliance import ledger
from compliance.models import Staff
from personalize.learn import fairness

WORDS = {
    "pass": "No group is treated worse than the limits allow.",
    "warn": "A group is treated worse than another, within the limits.",
    "not_enough": "There is not enough data to say. That is not a pass.",
    "fail": "A group is treated worse than the limits allow, and chance does not explain it.",
}


@transaction.atomic
def of_campaign(
    campaign: Campaign, *, since: datetime, until: datetime, by: Staff | str, at: datetime
) -> FairnessReport:
    """Compare what the groups were shown by a campaign in a time, and keep what was found."""
    seen = exposures.of(campaign, since=since, until=until)
    found = measures.findings(seen.clients, seen.amounts, seen.strata)
    return keep(found, campaign=campaign, since=since, until=until, clients=len(seen.clients), by=by, at=at)


def keep(found: list[dict[str, Any]], *, by: Staff | str, at: datetime, **about: Any) -> FairnessReport:
    """Write a report down with its verdict."""
    verdict = fairness.overall(one["verdict"] for one in found)
    actor = by if isinstance(by, str) else f"staff:{by.pk}"
    made = FairnessReport.objects.create(
        verdict=verdict, findings=found, limits=measures.limits(), made_by=actor, made_at=at, **about
    )
    what = f"campaign:{made.campaign_id}" if made.campaign_id else f"model:{made.artefact_id}"
    worst = [f"{one['attribute']}/{one['group']}/{one['measure']}" for one in found if one["verdict"] == verdict][:10]
    facts = {"report": made.pk, "verdict": verdict, "clients": made.clients, "of": worst}
    ledger.record("fairness.reported", by=by, at=at, about=what, facts=facts)
    return made


def newest(**about: Any) -> FairnessReport | None:
    """The newest report of a campaign= or an artefact=; None where there is none."""
    return FairnessReport.objects.filter(**about).order_by("-made_at", "-pk").first()
