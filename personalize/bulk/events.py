"""SQL of ingest: which calls are known, events in by COPY, attributes by event time."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec
import psycopg
from django.db import connection

from compliance.bulk import prepared
from compliance.bulk.binary import HEAD, TAIL

EPOCH, MICROSECOND = datetime(2000, 1, 1, tzinfo=UTC), timedelta(microseconds=1)

SOURCE = """
select id, slug
from personalize_source
where key_sha256 = %(digest)s
  and is_active
"""

KNOWN = """
select message_id
from personalize_event
where source_id = %(source)s
  and message_id = any(array(select json_array_elements_text(%(message_ids)s::json)))
"""

# One call of a client whom we know, in one statement: its source, its client held against a merge as `identity.find`
# holds them, and the event, if it is the first of its number. A device must be known as the client's own.
ONE = """
with said as materialized (select set_config('lock_timeout', %(wait)s, true)),
source as materialized (
    select s.id from personalize_source s where s.key_sha256 = %(digest)s and s.is_active
),
owner as materialized (
    select c.id
    from said
    cross join compliance_client c
    where c.user_id = %(user)s
      and c.merged_into_id is null
      and not exists (select from personalize_identity i where i.kind = 'user' and i.value = %(user)s)
      and (%(device)s::text = '' or exists (
          select from personalize_identity i
          where i.kind = 'anonymous' and i.value = %(device)s and i.client_id = c.id
      ))
    for key share of c
),
kept as (
    insert into personalize_event
        (source_id, message_id, client_id, type, name, properties, context, occurred_at, received_at)
    select s.id, %(message)s, o.id, %(type)s, %(name)s, %(properties)s::text::jsonb, %(context)s::text::jsonb,
        %(occurred)s, %(received)s
    from source s
    cross join owner o
    on conflict (source_id, message_id) do nothing
)
select exists (select from source) and exists (select from owner)
"""

COPY = """
copy personalize_event
    (source_id, message_id, client_id, type, name, properties, context, occurred_at, received_at)
from stdin (format binary)
"""

UPSERT_ATTRIBUTES = """
insert into personalize_attribute as kept (client_id, key, origin, value, source, at)
select distinct on (given.client_id, given.key)
    given.client_id, given.key, %(origin)s, given.value, given.source, given.at
from unnest(%(clients)s::bigint[], %(keys)s::text[], %(values)s::jsonb[], %(sources)s::text[], %(ats)s::timestamptz[])
    as given (client_id, key, value, source, at)
order by given.client_id, given.key, given.at desc, given.value::text collate "C" desc
on conflict (client_id, key, origin) do update
set value = excluded.value,
    source = excluded.source,
    at = excluded.at
where (excluded.at, excluded.value::text collate "C") > (kept.at, kept.value::text collate "C")
returning client_id, key, value::text
"""

DECLARED = """
select client_id, key
from personalize_attribute
where origin = 'declared'
  and client_id = any(%(clients)s)
  and key = any(%(keys)s)
"""

UPDATE_CLIENTS = """
update compliance_client as client
set email = coalesce(given.email, client.email),
    first_name = coalesce(given.first_name, client.first_name),
    last_name = coalesce(given.last_name, client.last_name),
    language = coalesce(given.language, client.language),
    timezone = coalesce(given.timezone, client.timezone),
    jurisdiction = coalesce(given.jurisdiction, client.jurisdiction)
from unnest(
    %(id)s::bigint[], %(email)s::text[], %(first_name)s::text[], %(last_name)s::text[],
    %(language)s::text[], %(timezone)s::text[], %(jurisdiction)s::text[]
) as given (id, email, first_name, last_name, language, timezone, jurisdiction)
where client.id = given.id
"""

FIRST_SEEN = """
update compliance_client as client
set first_seen_at = given.at
from unnest(%(ids)s::bigint[], %(ats)s::timestamptz[]) as given (id, at)
where client.id = given.id
  and client.first_seen_at > given.at
"""

CURRENT = """
select client_id, key, value::text, source
from personalize_attribute
where origin = %(origin)s
  and client_id = any(%(clients)s)
"""

ADD_DECLARATIONS = """
insert into personalize_declaration (client_id, key, value, source, declared_at)
select given.client_id, given.key, given.value, given.source, given.at
from unnest(%(clients)s::bigint[], %(keys)s::text[], %(values)s::jsonb[], %(sources)s::text[], %(ats)s::timestamptz[])
    as given (client_id, key, value, source, at)
on conflict do nothing
"""


@dataclass(frozen=True, slots=True)
class AttributeRow:
    """One value of one attribute as it goes in; `value` is JSON text."""

    client_id: int
    key: str
    value: str
    source: str
    at: datetime


class Call(Protocol):
    """What a source said, as it is kept; `properties` and `context` are JSON text."""

    @property
    def message_id(self) -> str: ...  # noqa: D102

    @property
    def type(self) -> str: ...  # noqa: D102

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def properties(self) -> bytes: ...  # noqa: D102

    @property
    def context(self) -> bytes: ...  # noqa: D102

    @property
    def occurred_at(self) -> datetime: ...  # noqa: D102


COLUMNS = ("email", "first_name", "last_name", "language", "timezone", "jurisdiction")


def cursor() -> psycopg.Cursor:
    """A server-side-binding cursor on Django's connection, inside its transaction; it prepares what it repeats.

    Django's own cursor binds on the client, which costs more than the statements of ingest themselves.
    """
    connection.ensure_connection()
    return psycopg.Cursor(connection.connection)


def texts(values: Sequence[str]) -> str:
    """Many texts as one parameter, for `json_array_elements_text`: a list costs psycopg ten times as much."""
    return msgspec.json.encode(values).decode()


def begin(*, wait_ms: int) -> None:
    """Start a transaction's work: wait at most `wait_ms` for any lock.

    It goes through Django's cursor, so that `acting` stamps the connection before raw cursors write.
    """
    with connection.cursor() as sql:
        sql.execute("select set_config('lock_timeout', %s, true)", [f"{wait_ms}ms"])


def source(digest: bytes) -> tuple[int, str] | None:
    """(id, slug) of the source whose key has this digest, while it is active."""
    found: tuple[int, str] | None = prepared.row(SOURCE, {"digest": digest})
    return found


def known(source_id: int, message_ids: Sequence[str]) -> set[str]:
    """Those of the message ids that this source has sent before."""
    with cursor() as sql:
        sql.execute(KNOWN, {"source": source_id, "message_ids": texts(message_ids)}, prepare=True)
        return {row[0] for row in sql.fetchall()}


def one(digest: bytes, call: Call, *, user: str, device: str, wait_ms: int, at: datetime) -> bool:
    """Keep one call durably, once; False, and nothing written, where source, client or device is not known."""
    asked = {
        "wait": f"{wait_ms}ms", "digest": digest, "user": user, "device": device, "message": call.message_id,
        "type": call.type, "name": call.name, "properties": call.properties.decode(),
        "context": call.context.decode(), "occurred": call.occurred_at, "received": at,
    }  # fmt: skip
    (is_known,) = prepared.row(ONE, asked)
    return bool(is_known)


def copy_events(source_id: int, calls: Iterable[tuple[int, Call]], *, at: datetime) -> None:
    """Write (client, call) pairs as events by binary COPY. Raises IntegrityError when one of them is known already."""
    received = _time(at)
    head = struct.pack("!hiq", 9, 8, source_id)
    with connection.wrap_database_errors, cursor() as sql, sql.copy(COPY) as copy:
        rows = [_binary(head, client, call, received) for client, call in calls]
        copy.write(b"".join((HEAD, *rows, TAIL)))


_LENGTH, _NUMBER, _TIMES = struct.Struct("!i"), struct.Struct("!iq"), struct.Struct("!iqiq")


def _binary(head: bytes, client_id: int, call: Call, received: int) -> bytes:
    """One row in PostgreSQL's binary COPY format (PostgreSQL manual, COPY, "Binary Format")."""
    message_id, type_, name = call.message_id.encode(), call.type.encode(), call.name.encode()
    length = _LENGTH.pack
    return b"".join(
        (
            head,
            length(len(message_id)), message_id,
            _NUMBER.pack(8, client_id),
            length(len(type_)), type_,
            length(len(name)), name,
            length(len(call.properties) + 1), b"\x01", call.properties,
            length(len(call.context) + 1), b"\x01", call.context,
            _TIMES.pack(8, _time(call.occurred_at), 8, received),
        )
    )  # fmt: skip


def _time(when: datetime) -> int:
    """Microseconds since 2000-01-01, as PostgreSQL counts."""
    return (when - EPOCH) // MICROSECOND


def upsert_attributes(rows: Sequence[AttributeRow], *, origin: str) -> list[tuple[int, str, str]]:
    """Write values that are newer by event time than what is kept; return (client, key, JSON) of what changed.

    At the same instant the larger text wins, so that the order of arrival never matters.
    """
    with connection.wrap_database_errors, cursor() as sql:
        sql.execute(UPSERT_ATTRIBUTES, {**_columns(rows), "origin": origin}, prepare=True)
        return sql.fetchall()


def declared(client_ids: Sequence[int], keys: Sequence[str]) -> set[tuple[int, str]]:
    """The (client, key) pairs for which the client told us a value."""
    with cursor() as sql:
        sql.execute(DECLARED, {"clients": list(client_ids), "keys": list(keys)}, prepare=True)
        return set(sql.fetchall())


def update_clients(changes: dict[int, dict[str, str]]) -> None:
    """Set columns of clients: {client: {column: value}} with columns from COLUMNS; the rest stay."""
    ids = sorted(changes)
    arrays = {column: [changes[one].get(column) for one in ids] for column in COLUMNS}
    with connection.wrap_database_errors, cursor() as sql:
        sql.execute(UPDATE_CLIENTS, {"id": ids, **arrays}, prepare=True)


def first_seen(times: dict[int, datetime]) -> None:
    """Move clients' first sight back to an earlier time."""
    with connection.wrap_database_errors, cursor() as sql:
        sql.execute(FIRST_SEEN, {"ids": list(times), "ats": list(times.values())}, prepare=True)


def current(client_ids: Sequence[int], *, origin: str) -> dict[tuple[int, str], tuple[str, str]]:
    """{(client, key): (JSON text as PostgreSQL writes it, source)} of one origin."""
    with cursor() as sql:
        sql.execute(CURRENT, {"clients": list(client_ids), "origin": origin}, prepare=True)
        return {(client, key): (value, source) for client, key, value, source in sql.fetchall()}


def add_declarations(rows: Sequence[AttributeRow]) -> int:
    """Keep declarations; return how many were new."""
    with connection.wrap_database_errors, cursor() as sql:
        sql.execute(ADD_DECLARATIONS, _columns(rows), prepare=True)
        return sql.rowcount


def _columns(rows: Sequence[AttributeRow]) -> dict[str, list]:
    return {
        "clients": [row.client_id for row in rows],
        "keys": [row.key for row in rows],
        "values": [row.value for row in rows],
        "sources": [row.source for row in rows],
        "ats": [row.at for row in rows],
    }
