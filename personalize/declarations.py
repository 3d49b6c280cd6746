"""What a client told us: kept for ever in order, and ahead of anything we saw or worked out."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from personalize import events
from personalize.bulk import events as rows
from personalize.bulk.events import AttributeRow
from personalize.models import Origin

LONGEST_KEY, LONGEST_SOURCE = 64, 80
# A declaration older than this is stale. FCA COBS 9.2: suitability rests on up-to-date information.
FRESH_FOR = {"risk_tolerance": timedelta(days=365), "risk_profile": timedelta(days=365)}


class BadDeclaration(ValueError):
    """The key, source or time cannot be kept. Nothing was written."""


def declare(client_id: int, key: str, value: Any, *, source: str, at: datetime) -> bool:
    """Keep what a client told us; True when it was news.

    The newest declaration by `at` is the client's value and beats what was inferred. `source` says where they
    told us ("onboarding questionnaire", "portal", "import:FILE"). Raises BadDeclaration.
    """
    return declare_all([(client_id, key, value, source, at)]) == 1


@transaction.atomic
def declare_all(told: Sequence[tuple[int, str, Any, str, datetime]]) -> int:
    """`declare` for many (client, key, value, source, at) in three statements; how many were news."""
    kept = [AttributeRow(client, key, json.dumps(value), source, at) for client, key, value, source, at in told]
    for one in kept:
        if not 0 < len(one.key) <= LONGEST_KEY or not 0 < len(one.source) <= LONGEST_SOURCE or one.at.tzinfo is None:
            raise BadDeclaration(one.key)
    if not kept:
        return 0
    news = rows.add_declarations(kept)
    changed = rows.upsert_attributes(kept, origin=Origin.DECLARED)
    events.fill_columns([(client, key, json.loads(value)) for client, key, value in changed], origin=Origin.DECLARED)
    return news


def is_stale(key: str, told_at: datetime, *, at: datetime) -> bool:
    """Whether a declaration is too old to rely on; most never are."""
    fresh_for = FRESH_FOR.get(key)
    return fresh_for is not None and at - told_at > fresh_for
