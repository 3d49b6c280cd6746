"""Clients from a file: who they are, and in `declared.KEY` columns what they told us."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import available_timezones

from compliance.models import Jurisdiction
from personalize import declarations, events, identity, ingest
from personalize.bulk import events as rows
from personalize.importing.table import Fault, Kind, Row, moment, scalar, text
from personalize.models import Origin

COLUMNS = ("email", "first_name", "last_name", "language", "timezone", "jurisdiction")
PREFIX = "declared."
ZONES = frozenset(available_timezones())


@dataclass(frozen=True, slots=True)
class ClientRow:
    """One checked row."""

    user_id: str
    columns: dict[str, str]
    declared: dict[str, object]
    declared_at: datetime | None
    first_seen_at: datetime | None


def kind(*, source: str, at: datetime) -> Kind[ClientRow]:
    """How clients are imported; `source` is written beside every value."""
    return Kind(
        "clients",
        required=(("user_id", "userId"),),
        optional=frozenset({*COLUMNS, "first_seen_at", "declared_at"}),
        prefixes=(PREFIX,),
        check=lambda row: check(row, at=at),
        write=lambda clean: write(clean, source=source, at=at),
    )


def check(row: Row, *, at: datetime) -> ClientRow:
    """The row's clean form. Raises Fault."""
    user_id = text(row, "user_id", "userId", longest=ingest.LONGEST_ID, required=True)
    if ingest.blocked(user_id):
        raise Fault("user_id", "names nobody")
    columns = {}
    for name in COLUMNS:
        given = text(row, name, longest=events.WIDTHS[name])
        if given:
            kept = events.column(name, given)
            if kept is None:
                raise Fault(name, "cannot be used")
            columns[name] = kept
    if columns.get("jurisdiction", "UK") not in Jurisdiction.values:
        raise Fault("jurisdiction", f"must be one of {', '.join(Jurisdiction.values)}")
    if columns.get("timezone", "UTC") not in ZONES:
        raise Fault("timezone", "is not a known time zone")
    declared = {}
    for name, value in row.values.items():
        if name.startswith(PREFIX) and value not in (None, ""):
            key = name.removeprefix(PREFIX)
            if not 0 < len(key) <= declarations.LONGEST_KEY:
                raise Fault(name, "the key is empty or too long")
            declared[key] = scalar(value)
    return ClientRow(user_id, columns, declared, moment(row, "declared_at", at=at), moment(row, "first_seen_at", at=at))


def write(clean: Sequence[tuple[int, ClientRow]], *, source: str, at: datetime) -> tuple[int, dict[int, Fault]]:
    """Create or complete the clients; how many were created or changed."""
    given = [one for _, one in clean]
    before = identity.named([one.user_id for one in given], create=False, at=at)
    ids = identity.named([one.user_id for one in given], create=True, at=at)
    changed = {ids[one.user_id] for one in given if one.user_id not in before}
    seen = {ids[one.user_id]: one.first_seen_at for one in given if one.first_seen_at}
    if seen:
        rows.first_seen(seen)
    current = rows.current(sorted(ids.values()), origin=Origin.DECLARED)
    told, filled = [], []
    for one in given:
        client, when = ids[one.user_id], one.declared_at or at
        for key, value in {**one.columns, **one.declared}.items():
            # The same file again tells us nothing new, whatever time it is.
            kept = current.get((client, key))
            if kept and json.loads(kept[0]) == value and (one.declared_at is None or kept[1] == source):
                continue
            changed.add(client)
            if key in one.declared:
                told.append((client, key, value, source, when))
            else:
                filled.append(rows.AttributeRow(client, key, json.dumps(value), source, when))
    declarations.declare_all(told)
    if filled:
        news = rows.upsert_attributes(filled, origin=Origin.DECLARED)
        events.fill_columns([(who, key, json.loads(value)) for who, key, value in news], origin=Origin.DECLARED)
    return sum(ids[one] in changed for one in {each.user_id for each in given}), {}
