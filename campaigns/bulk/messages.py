"""Set-based SQL of messages: one COPY for a chunk, and the moves of many rows at once."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

COLUMNS = {
    "id": "uuid",
    "run_id": "int8",
    "campaign_id": "int8",
    "client_id": "int8",
    "channel": "varchar",
    "arm": "varchar",
    "state": "varchar",
    "reason": "varchar",
    "variant_id": "int8",
    "choice": "int2[]",
    "closed": "bytea",
    "propensity": "float8",
    "slot_propensity": "float8[]",
    "score": "float8",
    "policy": "varchar",
    "artefact_id": "int8",
    "reasons": "int2[]",
    "reason_values": "float8[]",
    "features": "bytea",
    "feature_version": "int2",
    "consent": "uuid",
    "merge": "jsonb",
    "address": "varchar",
    "mime_sha256": "bytea",
    "decided_at": "timestamptz",
    "due_at": "timestamptz",
    "attempts": "int2",
    "reply": "varchar",
}
COPY = f"COPY campaigns_message ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"

STOP = """
UPDATE campaigns_message
SET state = 'suppressed', reason = 'run_stopped', lease = NULL, lease_until = NULL
WHERE run_id = %(run)s
AND state IN ('pending', 'held', 'claimed')
"""

RELEASE = """
UPDATE campaigns_message m
SET state = 'pending', reason = '', due_at = greatest(m.due_at, %(at)s)
FROM campaigns_run r
WHERE r.id = m.run_id
AND r.state IN ('assembling', 'sending')
AND m.state = 'held'
AND m.variant_id = ANY(%(variants)s)
"""

HELD_VARIANTS = """
SELECT DISTINCT m.variant_id
FROM campaigns_message m
WHERE m.state = 'held'
ORDER BY m.variant_id
"""


def jsonb(value: dict[str, Any]) -> Jsonb:
    """A value for a jsonb column of COPY."""
    return Jsonb(value)


def copy(rows: Iterable[Sequence[Any]]) -> int:
    """Write messages in one COPY; `rows` hold the values of COLUMNS in order. How many were written."""
    written = 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")  # lets `acting` stamp the connection, which COPY by itself would not
        with cursor.copy(COPY) as into:
            into.set_types(list(COLUMNS.values()))
            for row in rows:
                into.write_row(row)
                written += 1
    return written


def stop(run_id: int) -> int:
    """Take back every message of a run that was not handed over."""
    return _update(STOP, {"run": run_id})


def release(variant_ids: Sequence[int], *, at: datetime) -> int:
    """Let the held messages of these variants go, in runs that were not stopped."""
    return _update(RELEASE, {"variants": list(variant_ids), "at": at})


def held_variants() -> list[int]:
    """Variants for which a message is held."""
    with connection.cursor() as cursor:
        cursor.execute(HELD_VARIANTS)
        return [one for (one,) in cursor.fetchall()]


def _update(sql: str, values: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.rowcount
