"""PostgreSQL's binary COPY, both ways: rows of fixed width reach numpy without a Python object a row.

Source: PostgreSQL manual, COPY, "Binary Format"; libpq, "Functions Associated with the COPY Command".
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
from django.db import connection
from psycopg import errors, pq

HEAD, TAIL = b"PGCOPY\n\xff\r\n\x00" + bytes(8), b"\xff\xff"


def copy_out(sql: str, parameters: Mapping[str, Any] | Sequence[Any], row: np.dtype) -> np.ndarray:
    """The rows of a query whose columns all have a fixed size, each behind its length, as `row` lays them out."""
    with connection.cursor() as cursor, connection.wrap_database_errors:
        # COPY takes no parameters on the wire, so psycopg writes them into the statement, quoted.
        statement = cursor.mogrify(f"copy ({sql}) to stdout (format binary)", parameters)
        with cursor.debug_sql(str(statement)) if connection.queries_logged else nullcontext():
            received = b"".join(_received(connection.connection.pgconn, statement))
    return np.frombuffer(received, row, (len(received) - len(HEAD) - len(TAIL)) // row.itemsize, len(HEAD))


def copy_in(cursor: Any, statement: str, rows: np.ndarray) -> None:
    """Write rows, laid out as `copy_out` reads them, by a `copy … from stdin (format binary)`."""
    with cursor.copy(statement) as copy:
        copy.write(HEAD + rows.tobytes() + TAIL)


def _received(line: pq.abc.PGconn, statement: str | bytes) -> list[bytes]:
    """What the server sends, a row a piece. Straight from libpq: psycopg's own way costs ten times that a row."""
    begun = line.exec_(statement.encode() if isinstance(statement, str) else statement)
    if begun.status != pq.ExecStatus.COPY_OUT:
        raise errors.error_from_result(begun)
    pieces: list[bytes] = []
    while (found := line.get_copy_data(0))[0] > 0:
        pieces.append(bytes(found[1]))
    while (ended := line.get_result()) is not None:
        if ended.status != pq.ExecStatus.COMMAND_OK:
            raise errors.error_from_result(ended)
    return pieces
