"""Planted texts: approved words with one known fault put in, to see whether a reader notices. About one in twenty."""

import hashlib
import json
from datetime import datetime
from math import ceil

from django.db import transaction

from compliance import ledger, review
from compliance.models import ReviewItem, ReviewKind, ReviewState, Role, Seed, Staff

SHARE = 0.05
DESK = "quality-desk"
FAULTS = (
    ("promissory", "Your money is certain to be worth more next year.", "It promises an outcome."),
    ("urgency", "Only a few places are left, so decide before tonight.", "It presses the reader to decide."),
    ("fear_shame", "People who waited have regretted it for the rest of their lives.", "It works by fear."),
    ("hidden_cost", "It is completely free, now and always.", "“Free” without its limits."),
    ("sensitive_inference", "We noticed that things have been hard at home lately.", "It tells what we worked out."),
    ("regulator_endorsement", "The regulator has looked at it and is content.", "No regulator endorses it."),
)


def plant(*, at: datetime) -> int:
    """Bring the planted texts up to their share of what waits; how many were added."""
    waiting = ReviewItem.objects.open()
    real = waiting.filter(seed=None).count()
    missing = ceil(real * SHARE) - waiting.planted().count() if real else 0
    used = set(Seed.objects.values_list("source", flat=True))
    sources = ReviewItem.objects.filter(kind=ReviewKind.BLOCK, state=ReviewState.APPROVED, topics=[], products=[])
    added = 0
    for source in sources.exclude(pk__in=used).order_by("-decided_at", "pk")[: max(0, missing)]:
        _plant(source, at=at)
        added += 1
    return added


@transaction.atomic
def _plant(source: ReviewItem, *, at: datetime) -> Seed:
    family, words, fault = FAULTS[source.pk % len(FAULTS)]
    snapshot = json.loads(json.dumps(source.snapshot))
    parts = snapshot["parts"]
    part = "body" if "body" in parts else next(iter(parts))
    parts[part] = f"{parts[part].rstrip()} {words}"
    snapshot.pop("about", None)  # another wording of nothing: no diff with the source may give it away
    # Never the digest of words that something could send: the mark is part of what is hashed.
    digest = hashlib.sha256(json.dumps(["planted", source.digest, words]).encode()).hexdigest()
    item = review.submit(
        digest=digest,
        kind=source.kind,
        title=source.title,
        snapshot=snapshot,
        topics=[],
        findings=[],
        authors=[],
        reason=source.reason,
        approvals_needed=1,
        by=desk(),
        at=at,
    )
    seed = Seed.objects.create(item=item, source=source, family=family, fault=fault, planted_at=at)
    facts = {"source": source.pk, "family": family}
    ledger.record("review.seed_planted", by="system:quality", at=at, about=review.about(item), facts=facts)
    return seed


def desk() -> Staff:
    """Who hands planted texts in: nobody who can sign in. Readers are shown the source's author instead."""
    made, _ = Staff.objects.get_or_create(
        username=DESK,
        defaults={"role": Role.MARKETER, "is_active": False, "last_name": "Quality desk", "password": "!"},
    )
    return made
