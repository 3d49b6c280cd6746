"""Events from a file: Segment's own shape as NDJSON, or a CSV with one event a row."""

import json
from collections.abc import Sequence
from datetime import datetime

from personalize import events, ingest
from personalize.importing.table import Fault, Kind, Row, scalar
from personalize.models import Source

NAMES = {
    "user_id": "userId", "anonymous_id": "anonymousId", "message_id": "messageId", "previous_id": "previousId",
    "group_id": "groupId", "name": "name", "event": "event", "type": "type", "timestamp": "timestamp",
}  # fmt: skip
OBJECTS = ("properties", "traits", "context")
SEGMENT = frozenset(NAMES.values()) | {"originalTimestamp", "sentAt", "receivedAt", "category", "channel", "version",
                                       "integrations", *OBJECTS}  # fmt: skip


def kind(*, source: Source, at: datetime) -> Kind[ingest.Item]:
    """How events are imported, as if `source` had sent them."""
    return Kind(
        "events",
        required=(("user_id", "userId", "anonymous_id", "anonymousId"), ("timestamp", "originalTimestamp")),
        optional=frozenset(NAMES) | SEGMENT,
        prefixes=("properties.", "traits."),
        check=lambda row: check(row, at=at),
        write=lambda clean: write(clean, source=source, at=at),
    )


def check(row: Row, *, at: datetime) -> ingest.Item:
    """The row as the call that an SDK would have sent. Raises Fault."""
    call: dict[str, object] = {}
    for name, value in row.values.items():
        head, dot, rest = name.partition(".")
        if value in (None, ""):
            continue
        if dot and head in OBJECTS:
            inner = call.setdefault(head, {})
            if isinstance(inner, dict):
                inner[rest] = scalar(value)
        elif name in OBJECTS and isinstance(value, str):
            call[name] = {**_object(name, value), **(call.get(name) or {})}  # type: ignore[dict-item]
        else:
            call[NAMES.get(name, name)] = value
    call.setdefault("type", "track")
    if not call.get("timestamp") and not call.get("originalTimestamp"):
        raise Fault("timestamp", "is missing")
    try:
        return ingest.item(json.dumps(call, sort_keys=True).encode(), at=at)
    except ValueError as error:
        raise Fault("", str(error)) from None


def _object(name: str, text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Fault(name, "must be a JSON object")
    return value


def write(clean: Sequence[tuple[int, ingest.Item]], *, source: Source, at: datetime) -> tuple[int, dict[int, Fault]]:
    """Keep the events; how many were new."""
    return events.ingest(source, [item for _, item in clean], at=at).kept, {}
