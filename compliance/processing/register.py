"""The record of processing (GDPR Art. 30): every purpose with the record that stands, and every table with its why."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from compliance import datamap
from compliance.models import Purpose, PurposeRecord


def purposes(*, at: datetime | None = None) -> Iterator[dict[str, Any]]:
    """One row a version, newest last in its purpose; `is_in_force` at `at` where a moment is given."""
    found = PurposeRecord.objects.select_related("author").order_by("purpose", "version")
    for one in found:
        row = {
            "purpose": one.purpose, "name": Purpose(one.purpose).label, "version": one.version, **one.facts,
            "review_by": one.until, "digest": one.digest, "author": one.author and one.author.username,
            "made_at": one.made_at, "is_carried": one.is_carried, "stands_until": one.stands_until,
        }  # fmt: skip
        yield row if at is None else {**row, "is_in_force": bool(one.stands_until and one.stands_until > at)}


def tables() -> Iterator[dict[str, Any]]:
    """What each table holds of people, why, how long, and what erasure does to it."""
    for model, declared in datamap.tables():
        yield {
            "table": model._meta.label_lower,
            "what": str(model._meta.verbose_name_plural),
            "why": declared.why,
            "fields": list(declared.fields),
            "keep_days": declared.keep_days,
            "on_erasure": declared.on_erasure,
            "ground": declared.ground,
        }
