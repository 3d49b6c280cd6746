"""Texts that went by the policy for plain words, drawn by chance to be read as a whole by a person."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef

from campaigns import variants, wording
from campaigns.models import BlockVersion, Message, MessageState, Variant
from compliance.models import ReviewItem, SecondReading
from compliance.reviewing import secondreadings

WEEK = timedelta(days=7)
WEEKLY = 30  # texts of one campaign: compliance specification, 3.4


def draw(*, at: datetime) -> int:
    """Draw up to 30 texts a week of each campaign among those first sent lately; how many were drawn."""
    went = Message.objects.filter(variant=OuterRef("pk"), state__in=(MessageState.SENT, MessageState.SHOWN))
    read = ReviewItem.objects.filter(digest=OuterRef("digest"))
    drawn = SecondReading.objects.filter(digest=OuterRef("digest"))
    texts = Variant.objects.filter(made_at__gt=at - WEEK, made_at__lte=at, needs_review=False)
    texts = texts.filter(Exists(went)).exclude(Exists(read)).exclude(Exists(drawn)).select_related("campaign")
    lately = SecondReading.objects.filter(stratum=SecondReading.Stratum.PASSED, drawn_at__gt=at - WEEK)
    had = dict(lately.values_list("campaign").annotate(n=Count("pk")))
    by_campaign: dict[str, list[Variant]] = defaultdict(list)
    for one in texts.order_by("pk"):
        by_campaign[one.campaign.slug].append(one)
    chosen = []
    for slug, found in sorted(by_campaign.items()):
        room = max(WEEKLY - had.get(slug, 0), 0)
        found.sort(key=lambda one: (secondreadings.luck(one.digest, 1), one.digest))
        chosen += [(one, min(1.0, room / len(found))) for one in found[:room]]
    parts = BlockVersion.objects.in_bulk({part for one, _ in chosen for part in one.versions})
    return secondreadings.add_passed([_told(one, chance, parts) for one, chance in chosen], at=at)


def _told(variant: Variant, chance: float, parts: dict[int, BlockVersion]) -> dict[str, Any]:
    campaign = variant.campaign
    title = wording.parse(variant.subject).sample().text
    words = {"subject": variant.subject, "preheader": variant.preheader, "text": variant.text,
             "html": variants.preview(variant)}  # fmt: skip
    return {
        "digest": variant.digest,
        "title": f"{campaign.name}: {title}" if title else campaign.name,
        "snapshot": {"title": campaign.name, "campaign": campaign.slug, "links": variant.links, "parts": words},
        "campaign": campaign.slug,
        "authors": {parts[one].author_id for one in variant.versions} | {campaign.owner_id},
        "chance": chance,
    }
