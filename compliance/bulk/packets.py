"""What a packet reads by the hundred thousand: JSON lines made by the database and passed on a block at a time."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from psycopg import errors, pq

from compliance.bulk.binary import copy_out
from compliance.bulk.ledger import COLUMNS

BLOCK = 1 << 18  # bytes passed on at once
# CSV whose signs stand in no JSON text, so that nothing is ever quoted or escaped.
AS_IT_IS = "format csv, delimiter e'\\x01', quote e'\\x02'"
LINES = "select to_jsonb(r)::text from ({sql}) r"
ABOUT = """
where (
    %(everything)s or e.about = any(%(abouts)s::text[])
    or (e.facts ? 'client_id' and e.facts -> 'client_id' = any(%(clients)s::text[]::jsonb[]))
) and e.at >= coalesce(%(start)s::timestamptz, '-infinity') and e.at < coalesce(%(end)s::timestamptz, 'infinity')
"""
# An entry as `concerning` gives it, as a line; which of them are sealed under the head of `size` leaves is said too.
ENTRIES = f"""
select '{{"digest": "' || encode(e.digest, 'hex') || '", "entry": [' || e.id || ', ' || e.xid || ', '
    || substr(array_to_json(array_remove(array[{COLUMNS.partition("e.xid,")[2]}], null))::text, 2) || ', "leaf": '
    || coalesce(case when l.index < %(size)s then l.index end::text, 'null') || '}}'
from compliance_ledgerentry e left join compliance_ledgerleaf l on l.entry_id = e.id
{ABOUT}
order by e.id
"""  # noqa: S608 - constants
PLACES = f"""
select l.index from compliance_ledgerentry e join compliance_ledgerleaf l on l.entry_id = e.id
{ABOUT} and l.index < %(size)s
order by l.index
"""  # noqa: S608 - constants
PLACE = np.dtype([("n", ">i2"), ("l", ">i4"), ("index", ">i8")])


def among(ids: Sequence[int] | Sequence[UUID], *, kind: str = "bigint") -> RawSQL:
    """Many numbers as one parameter, for `filter(pk__in=…)`: an IN of its own for each costs the planner seconds."""
    return RawSQL(f"select unnest(%s::{kind}[])", ["{" + ",".join(map(str, ids)) + "}"])  # noqa: S611 - our type


def rows(found: QuerySet[Any, dict[str, Any]]) -> Iterator[bytes]:
    """The rows of a `values(…)` query as JSON lines."""
    sql, parameters = found.query.sql_with_params()
    return lines(LINES.format(sql=sql), parameters)


def entries(*, asked: Mapping[str, Any], size: int) -> Iterator[bytes]:
    """Ledger entries as JSON lines without proofs, in order of number; asked: see `asking`."""
    return lines(ENTRIES, {**asked, "size": size})


def places(*, asked: Mapping[str, Any], size: int) -> np.ndarray:
    """The leaves of the same entries in the tree of `size`, ascending: (n,) int64."""
    return copy_out(PLACES, {**asked, "size": size}, PLACE)["index"].astype(np.int64)


def asking(
    *, everything: bool, abouts: list[str], clients: list[int], start: datetime | None, end: datetime | None
) -> dict[str, Any]:
    """What `entries` and `places` are asked: those about these things or with images of these clients' rows."""
    named = [str(one) for one in clients]
    return {"everything": everything, "abouts": abouts, "clients": named, "start": start, "end": end}


def lines(sql: str, parameters: Mapping[str, Any] | Sequence[Any]) -> Iterator[bytes]:
    """The texts of a query of one column without line ends, a line each, some BLOCK of them at a time.

    Until the last of them was taken the connection can do nothing else.
    """
    with connection.cursor() as cursor, connection.wrap_database_errors:
        # COPY takes no parameters on the wire, so psycopg writes them into the statement, quoted.
        statement = cursor.mogrify(f"copy ({sql}) to stdout ({AS_IT_IS})", parameters)
        line: pq.abc.PGconn = connection.connection.pgconn
        begun = line.exec_(statement.encode() if isinstance(statement, str) else statement)
        if begun.status != pq.ExecStatus.COPY_OUT:
            raise errors.error_from_result(begun)
        block, more = bytearray(), True
        try:
            while more:
                length, piece = line.get_copy_data(0)
                more = length > 0
                block += piece or b""
                if len(block) >= BLOCK:
                    yield bytes(block)
                    block.clear()
        finally:
            while more:  # whoever stopped listening leaves a line that can be used
                more = line.get_copy_data(0)[0] > 0
            while (ended := line.get_result()) is not None:
                if ended.status != pq.ExecStatus.COMMAND_OK:
                    raise errors.error_from_result(ended)
        yield bytes(block)
