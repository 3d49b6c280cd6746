"""The set-based questions about the ledger."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import connection, transaction

SEALER = 0x6C6564676572  # the advisory lock of the one sealer: "ledger"

MANY = 10_000  # leaves read at a time
PACKETS = 0x7061636B  # the first half of the advisory lock of one packet: "pack"

# Everything whose transaction has ended, in an order that no later commit can break. Numbers are not commit order, so
# "greater than the last number" would lose an entry of a transaction that was still open.
SEALABLE = """
select id, xid, digest from compliance_ledgerentry
where (xid, id) > (%(xid)s, %(id)s) and xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
order by xid, id
limit %(limit)s
"""
# An entry's columns as its canonical bytes have them, in their order; see `compliance.ledger.canonical`.
COLUMNS = """
    e.id, e.xid, to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.kind, e.actor, e.request, e.about,
    e.facts::text, to_char(e.recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    case when e.recorded_at is not null then e.login end
"""
LEAVES = "copy compliance_ledgerleaf (index, entry_id, hash) from stdin (format binary)"
# `offset 0` keeps each look-up a look-up: without statistics the planner would read the whole ledger for a block.
EVERY = f"""
select l.index, l.entry_id, l.hash, e.*
from (
    select index, entry_id, hash from compliance_ledgerleaf
    where index >= %(first)s and index < %(first)s + %(many)s
) l
left join lateral (
    select e.digest, {COLUMNS} from compliance_ledgerentry e where e.id = l.entry_id offset 0
) e on true
order by l.index
"""  # noqa: S608 - a constant
ENDS = "select coalesce(max(index) + 1, 0) from compliance_ledgerleaf"
BLOCK = {
    0: "select index, hash from compliance_ledgerleaf where index >= %(first)s and index < %(first)s + %(many)s",
    1: """
        select index, hash from compliance_ledgertile
        where level = %(level)s and index >= %(first)s and index < %(first)s + %(many)s
    """,
}
UNSEALED = f"""
select e.id, e.digest, {COLUMNS}, (e.xid, e.id) <= (%(xid)s, %(id)s)
from compliance_ledgerentry e left join compliance_ledgerleaf l on l.entry_id = e.id
where l.index is null
order by e.xid, e.id
"""  # noqa: S608 - a constant


def only_sealer() -> bool:
    """Be the one sealer until the transaction ends; False when another one is at work."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [SEALER])
        return bool(cursor.fetchone()[0])


def sealable(*, xid: int, entry: int, limit: int) -> list[tuple[int, int, bytes]]:
    """(number, transaction, digest) of entries after this place whose transactions have ended, in sealing order."""
    with connection.cursor() as cursor:
        cursor.execute(SEALABLE, {"xid": xid, "id": entry, "limit": limit})
        return [(number, ended, bytes(digest)) for number, ended, digest in cursor.fetchall()]


def add_leaves(rows: list[tuple[int, int, bytes]]) -> None:
    """Keep (index, entry, hash) by COPY."""
    with connection.cursor() as cursor, cursor.copy(LEAVES) as copy:
        copy.set_types(["int8", "int8", "bytea"])
        for row in rows:
            copy.write_row(row)


def every() -> Iterator[tuple[Any, ...]]:
    """Each leaf with its entry's columns as text, in tree order, a block at a time so that memory stays flat."""
    with connection.cursor() as cursor:
        cursor.execute(ENDS)
        end = cursor.fetchone()[0]
        for first in range(0, end, MANY):
            cursor.execute(EVERY, {"first": first, "many": MANY})
            yield from cursor.fetchall()


def canonical(entry: int) -> bytes:
    """An entry's canonical bytes as the database makes them."""
    with connection.cursor() as cursor:
        cursor.execute("select compliance_ledger_bytes(e) from compliance_ledgerentry e where id = %s", [entry])
        return bytes(cursor.fetchone()[0])


def leaves_end() -> int:
    """The index after the last leaf: as many as there are when none is missing."""
    with connection.cursor() as cursor:
        cursor.execute(ENDS)
        return int(cursor.fetchone()[0])


def hashes(*, level: int, first: int, many: int) -> dict[int, bytes]:
    """Hashes by index of `many` neighbours of one level: 0 are the leaves, above them the tiles."""
    with connection.cursor() as cursor:
        cursor.execute(BLOCK[min(level, 1)], {"level": level, "first": first, "many": many})
        return {index: bytes(one) for index, one in cursor.fetchall()}


def unsealed(*, xid: int, entry: int) -> Iterator[tuple[Any, ...]]:
    """Each entry without a leaf, and whether it lies before the place up to which everything is sealed."""
    return _streamed(UNSEALED, {"xid": xid, "id": entry})


def _streamed(sql: str, params: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.itersize = 5_000
        cursor.execute(sql, params)
        yield from cursor


CONCERNING = f"""
select {COLUMNS}, e.digest, l.index
from compliance_ledgerentry e left join compliance_ledgerleaf l on l.entry_id = e.id
where (
    %(everything)s or e.about = any(%(abouts)s::text[])
    or (e.facts ? 'client_id' and e.facts -> 'client_id' = any(%(clients)s::text[]::jsonb[]))
) and e.at >= coalesce(%(start)s::timestamptz, '-infinity') and e.at < coalesce(%(end)s::timestamptz, 'infinity')
order by e.id
"""  # noqa: S608 - a constant
BEFORE = """
select e.id, b.id from compliance_ledgerentry e
cross join lateral (
    select id from compliance_ledgerentry earlier
    where earlier.about = e.about and (earlier.at, earlier.id) < (e.at, e.id) and starts_with(earlier.kind, 'row.')
    order by at desc, id desc limit 1
) b
where e.id = any(%(entries)s) and e.kind in ('row.update', 'row.delete')
"""


def concerning(
    *, everything: bool, abouts: list[str], clients: list[int], start: datetime | None, end: datetime | None
) -> Iterator[tuple[Any, ...]]:
    """Entries about these things or with images of these clients' rows: columns as text, digest, place in the tree."""
    asked = {"everything": everything, "abouts": abouts, "clients": [str(one) for one in clients]}
    return _streamed(CONCERNING, {**asked, "start": start, "end": end})


def hold(packet_id: int) -> bool:
    """Be the only worker at this packet until `let_go` or until the connection dies."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s, %s)", [PACKETS, packet_id])
        return bool(cursor.fetchone()[0])


def let_go(packet_id: int) -> None:
    """Let another worker have it."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_unlock(%s, %s)", [PACKETS, packet_id])


def images_before(entries: list[int]) -> dict[int, int]:
    """For each of these row images the number of the same row's image before it, where there is one."""
    with connection.cursor() as cursor:
        cursor.execute(BEFORE, {"entries": entries})
        return dict(cursor.fetchall())
