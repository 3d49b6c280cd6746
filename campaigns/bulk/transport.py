"""Set-based SQL of the hand-over: claims, the facts that the last gate reads, and the reaper."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

# A claim may be lost with the machine: then the message waits again. So nobody waits for the disk.
# `due` is materialised: in a subquery that the plan runs again, the limit would count anew and more would be taken.
CLAIM = """
WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
due AS MATERIALIZED (
    SELECT w.id
    FROM campaigns_message w
    WHERE w.state = 'pending'
    AND w.due_at <= %(at)s
    AND w.run_id NOT IN (SELECT p.run_id FROM campaigns_pause p WHERE p.resumed_at IS NULL)
    ORDER BY w.due_at, w.id
    FOR UPDATE SKIP LOCKED
    LIMIT %(limit)s
),
taken AS (
    UPDATE campaigns_message m
    SET state = 'claimed', lease = %(lease)s, lease_until = %(until)s
    FROM quick, due
    WHERE m.id = due.id
    RETURNING m.id, m.run_id, m.variant_id, m.client_id, m.channel, m.address, m.merge, m.mime_sha256, m.decided_at,
        m.attempts, m.due_at
)
SELECT t.id, t.run_id, t.variant_id, t.client_id, c.ref, t.channel, t.address, t.merge, t.mime_sha256, t.decided_at,
    t.attempts
FROM taken t
JOIN compliance_client c ON c.id = t.client_id
ORDER BY t.due_at, t.id
"""

# A claim that ran out goes back; an intent that ran out is in doubt, and time never makes it sent or unsent.
UNCLAIM = """
UPDATE campaigns_message
SET state = 'pending', lease = NULL, lease_until = NULL
WHERE state = 'claimed'
AND lease_until < %(at)s
"""
DOUBT = """
UPDATE campaigns_message
SET state = 'unconfirmed', reason = 'lease_expired', lease_until = NULL
WHERE state = 'intent'
AND lease_until < %(at)s
"""


@dataclass(frozen=True, slots=True)
class Letter:
    """A claimed message: what it takes to make it again and hand it over."""

    id: UUID
    run: int
    variant: int
    client: int
    client_ref: UUID
    channel: str
    address: str
    merge: dict[str, Any]
    sha256: bytes
    decided_at: datetime
    attempts: int


def claim(*, limit: int, lease: UUID, until: datetime, at: datetime) -> list[Letter]:
    """Take up to `limit` due messages for this worker alone; other workers skip them."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"limit": limit, "lease": lease, "until": until, "at": at})
        rows = cursor.fetchall()
    return [
        Letter(
            id=row[0],
            run=row[1],
            variant=row[2],
            client=row[3],
            client_ref=row[4],
            channel=row[5],
            address=row[6],
            merge=_json(row[7]),
            sha256=bytes(row[8] or b""),
            decided_at=row[9],
            attempts=row[10],
        )
        for row in rows
    ]


def _json(value: Any) -> Any:
    """Django's cursors leave jsonb as text, ours do not."""
    return json.loads(value) if isinstance(value, str) else value


def reap(*, at: datetime) -> tuple[int, int]:
    """(claims given back, intents in doubt) among the leases that ran out."""
    return _update(UNCLAIM, {"at": at}), _update(DOUBT, {"at": at})


def _update(sql: str, values: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.rowcount
