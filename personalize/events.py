"""Keep what sources send: every event once, for ever; attributes by the time they were true."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from compliance import contact
from compliance.web import acting
from personalize import categories, identity
from personalize.bulk import events as rows
from personalize.bulk.events import AttributeRow
from personalize.ingest import Item, Rejected
from personalize.models import Origin, QuarantinedItem, Source

TRIES, WAIT_MS = 3, 3_000
PLAIN = ("track", "page", "screen")  # they change nothing of the client
# Traits that are columns of the client; SDKs write them in either fashion.
COLUMN_OF = {
    "email": "email", "firstName": "first_name", "first_name": "first_name", "lastName": "last_name",
    "last_name": "last_name", "language": "language", "timezone": "timezone",
}  # fmt: skip
WIDTHS = {"email": 254, "first_name": 100, "last_name": 100, "language": 8, "timezone": 64, "jurisdiction": 2}


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a batch: kept + repeated + quarantined = items + rejected."""

    kept: int
    repeated: int
    quarantined: int


def keep_one(digest: bytes, item: Item, *, at: datetime) -> bool:
    """`ingest` of one plain call by one statement, durable when this returns: what a page sends again and again.

    digest  SHA-256 of the write key. False, and nothing written, where it takes more: another kind of call, traits,
    choices of consent, somebody new. Raises OperationalError as `ingest` does.
    """
    if item.type not in PLAIN or not item.user_id or item.previous_id or item.traits or item.consent is not None:
        return False
    return rows.one(digest, item, user=item.user_id, device=item.anonymous_id, wait_ms=WAIT_MS, at=at)


def ingest(source: Source, items: Sequence[Item], *, at: datetime, rejected: Sequence[Rejected] = ()) -> Ingested:
    """Keep a batch in one transaction; durable when this returns.

    A call whose (source, messageId) is known changes nothing. Raises OperationalError when the database has no
    room within three seconds; then nothing was written and the same batch may be sent again.
    """
    for attempt in range(1, TRIES + 1):
        try:
            with transaction.atomic(), acting(f"source:{source.slug}"):
                rows.begin(wait_ms=WAIT_MS)
                return _keep(source, items, at=at, rejected=rejected)
        except IntegrityError:
            # Another worker took the same message ids between our look and our write; look again.
            if attempt == TRIES:
                raise
    raise AssertionError("unreachable")


def _keep(source: Source, items: Sequence[Item], *, at: datetime, rejected: Sequence[Rejected]) -> Ingested:
    fresh = _fresh(source, items)
    if fresh:
        by = f"source:{source.slug}"
        owners = identity.resolve(fresh, source_id=source.pk, by=by, at=at)
        rows.copy_events(source.pk, zip(owners, fresh, strict=True), at=at)
        _learn_traits(fresh, owners, source=by)
        said = [
            categories.Said(owner, one.consent, one.occurred_at)
            for one, owner in zip(fresh, owners, strict=True)
            if one.consent is not None
        ]
        categories.heard(said, surface=by, by=by, at=at)
    if rejected:
        QuarantinedItem.objects.bulk_create(
            QuarantinedItem(source=source, message_id=one.message_id, reason=one.reason, body=one.body, received_at=at)
            for one in rejected
        )
    return Ingested(len(fresh), len(items) - len(fresh), len(rejected))


def _fresh(source: Source, items: Sequence[Item]) -> list[Item]:
    """The items not seen before, the first of each message id."""
    first: dict[str, Item] = {}
    for one in items:
        first.setdefault(one.message_id, one)
    seen = rows.known(source.pk, list(first)) if first else set()
    return [one for message_id, one in first.items() if message_id not in seen]


def _learn_traits(items: Sequence[Item], owners: Sequence[int], *, source: str) -> None:
    """Traits of identify calls become attributes, and the columns of a client who never told us better."""
    values = [
        AttributeRow(owner, COLUMN_OF.get(key, key), json.dumps(value), source, item.occurred_at)
        for item, owner in zip(items, owners, strict=True)
        for key, value in item.traits.items()
    ]
    if values:
        changed = rows.upsert_attributes(values, origin=Origin.INFERRED)
        fill_columns([(client, key, json.loads(value)) for client, key, value in changed], origin=Origin.INFERRED)


def fill_columns(values: Sequence[tuple[int, str, Any]], *, origin: str) -> None:
    """Carry attributes that are columns of the client over; what was seen never replaces what was told."""
    columns = [(client, key, column(key, value)) for client, key, value in values if key in WIDTHS]
    wanted = [(client, key, value) for client, key, value in columns if value is not None]
    if origin == Origin.INFERRED and wanted:
        told = rows.declared([client for client, _, _ in wanted], list(WIDTHS))
        wanted = [one for one in wanted if one[:2] not in told]
    changes: dict[int, dict[str, str]] = {}
    for client, key, value in wanted:
        changes.setdefault(client, {})[key] = value
    if changes:
        rows.update_clients(changes)


def column(key: str, value: Any) -> str | None:
    """A value as the client's column takes it, or None when it cannot be one: nothing is then changed."""
    if value is None and key in ("email", "first_name", "last_name"):
        return ""
    if not isinstance(value, str) or len(value) > WIDTHS[key] or any(ord(letter) < 32 for letter in value):
        return None
    if key == "email":
        try:
            value = contact.normalise(value)
            validate_email(value)
        except (ValidationError, ValueError):
            return None
    return value if value or key in ("first_name", "last_name") else None
