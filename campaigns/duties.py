"""What the law wants of a campaign beside approved words: filings, grounds and understanding, by jurisdiction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings

from campaigns import audiences
from campaigns.models import Campaign, CampaignBlock, Message
from compliance import promotions
from compliance.judging import deadlines
from personalize.decide.limits import NON_MASS_MARKET, PROFESSIONAL

CERTIFY = (
    "It speaks of a non-mass-market investment, so its audience must ask for a certificate in date, or for "
    "professional clients (COBS 4.12B)."
)


def faults(campaign: Campaign, candidates: Sequence[CampaignBlock], *, at: datetime) -> list[tuple[str, str]]:
    """What is missing, as (code, sentence); see `compliance.promotions`. Candidates with their versions."""
    first = campaign.runs.order_by("launched_at").values_list("launched_at", flat=True).first()
    place = settings.FIRM["jurisdiction"]
    topics = {topic for one in candidates for topic in one.version.topics}
    barred = [("no_certificate", CERTIFY)] if NON_MASS_MARKET in topics and not _certified(campaign.audience) else []
    return barred + promotions.faults(
        campaign.slug,
        jurisdiction=place,
        topics=topics,
        recipients=recipients(campaign, at=at) if place == "US" else 0,
        new_member=bool(settings.FIRM.get("new_member")),
        on=at.date(),
        first_used_on=first.date() if first else None,
        holidays=deadlines.holidays(),
    )


def recipients(campaign: Campaign, *, at: datetime) -> int:
    """Distinct clients whom the campaign wrote to in the last 30 days, or would now: all variants are one text."""
    since = at - promotions.RETAIL_DAYS
    sent = Message.objects.filter(campaign=campaign, sent_at__gt=since, sent_at__lte=at)
    try:
        now = audiences.members(campaign.audience, at=at).tolist()
    except audiences.BadRule:
        return promotions.RETAIL_ABOVE + 1  # what cannot be read is treated as everybody
    return len({*now, *sent.values_list("client", flat=True)})


def _certified(rule: Any) -> bool:
    """Whether everybody whom the rule names holds a certificate in date or is a professional client (UK-11)."""
    if "field" in rule:
        name, operator, value = rule["field"], rule.get("op"), rule.get("value")
        if name == "certificate":
            return operator in ("eq", "in") or (operator == "exists" and value is True)
        return (name, operator, value) == ("attribute:client_category", "eq", PROFESSIONAL)
    if "all" in rule:
        return any(_certified(one) for one in rule["all"])
    return bool(rule.get("any")) and all(_certified(one) for one in rule["any"])
