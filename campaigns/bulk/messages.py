"""Set-based SQL of messages: one COPY for a chunk, and the moves of many rows at once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from campaigns.bulk import hours
from campaigns.bulk.rows import COLUMNS, Rows, Said, parts

__all__ = ["Rows", "Said", "copy", "held_variants", "release", "stop"]

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


def copy(rows: Rows) -> int:
    """Write a chunk's messages in one COPY; how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")  # lets `acting` stamp the connection, which COPY by itself would not
        with cursor.copy(COPY) as into:
            for part in parts(rows):
                into.write(part)
    if rows.hours is not None:
        hours.keep(rows.hours)
    return len(rows)


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
