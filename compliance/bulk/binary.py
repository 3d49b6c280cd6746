"""PostgreSQL's binary COPY, both ways: rows of fixed width reach numpy without a Python object a row.

Source: PostgreSQL manual, COPY, "Binary Format".
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from django.db import connection

HEAD, TAIL = b"PGCOPY\n\xff\r\n\x00" + bytes(8), b"\xff\xff"


def copy_out(sql: str, parameters: Mapping[str, Any], row: np.dtype) -> np.ndarray:
    """The rows of a query whose columns all have a fixed size, each behind its length, as `row` lays them out."""
    with connection.cursor() as cursor:
        # COPY takes no parameters on the wire, so psycopg writes them into the statement, quoted.
        statement = cursor.mogrify(f"copy ({sql}) to stdout (format binary)", parameters)
        with cursor.copy(statement) as copy:
            received = b"".join(copy)
    return np.frombuffer(received, row, (len(received) - len(HEAD) - len(TAIL)) // row.itemsize, len(HEAD))
