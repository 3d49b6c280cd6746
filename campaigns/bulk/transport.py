"""Set-based SQL of the hand-over: claims, the facts that the last gate reads, and the reaper."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

CLAIM = """
UPDATE campaigns_message
SET state = 'claimed', lease = %(lease)s, lease_until = %(until)s
WHERE id IN (
    SELECT id
    FROM campaigns_message
    WHERE state = 'pending'
    AND due_at <= %(at)s
    ORDER BY due_at, id
    FOR UPDATE SKIP LOCKED
    LIMIT %(limit)s
)
RETURNING id
"""

# What can stop a message at the last moment, read after the client's row is locked. Counts include every message
# that was handed over and not refused, whatever became of it.
GATE = """
SELECT r.state AS run_state,
    c.email AS address,
    c.timezone AS timezone,
    p.max_per_week AS own_cap,
    (
        SELECT count(*)
        FROM campaigns_message o
        WHERE o.client_id = m.client_id
        AND o.intent_at > %(since)s
    ) AS written,
    EXISTS (
        SELECT FROM campaigns_message o
        WHERE o.run_id = m.run_id
        AND o.address = m.address
        AND o.id <> m.id
        AND o.state IN ('intent', 'sent', 'unconfirmed')
    ) AS has_twin
FROM campaigns_message m
JOIN compliance_client c ON c.id = m.client_id
JOIN campaigns_run r ON r.id = m.run_id
LEFT JOIN compliance_preference p ON p.client_id = m.client_id
WHERE m.id = %(id)s
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

# Every move names the lease: a worker whose claim was given away moves nothing.
INTEND = """
UPDATE campaigns_message
SET state = 'intent', intent_at = %(at)s, lease_until = %(until)s
WHERE id = %(id)s
AND lease = %(lease)s
AND state = 'claimed'
"""
# Also from unconfirmed: the answer of a worker that was only slow is evidence.
SETTLE = """
UPDATE campaigns_message
SET state = 'sent', reason = '', sent_at = %(at)s, reply = %(reply)s, lease = NULL, lease_until = NULL
WHERE id = %(id)s
AND lease = %(lease)s
AND state IN ('intent', 'unconfirmed')
"""


@dataclass(frozen=True, slots=True)
class Gate:
    """What the last gate reads of a message's run, client and twins."""

    run_state: str
    address: str
    timezone: str
    own_cap: int | None
    written: int
    has_twin: bool


def claim(*, limit: int, lease: UUID, until: datetime, at: datetime) -> list[UUID]:
    """Take up to `limit` due messages for this worker alone; other workers skip them."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"limit": limit, "lease": lease, "until": until, "at": at})
        return [one for (one,) in cursor.fetchall()]


def gate(message_id: UUID, *, since: datetime) -> Gate:
    """The facts of one message; call with the client's row locked."""
    with connection.cursor() as cursor:
        cursor.execute(GATE, {"id": message_id, "since": since})
        return Gate(*cursor.fetchone())


def intend(message_id: UUID, *, lease: UUID, until: datetime, at: datetime) -> int:
    """Say that a claimed message is about to leave; 0 when the lease was lost."""
    return _update(INTEND, {"id": message_id, "lease": lease, "until": until, "at": at})


def settle(message_id: UUID, *, lease: UUID, reply: str, at: datetime) -> int:
    """Say that the server took a message; 0 when the lease is another's."""
    return _update(SETTLE, {"id": message_id, "lease": lease, "reply": reply, "at": at})


def reap(*, at: datetime) -> tuple[int, int]:
    """(claims given back, intents in doubt) among the leases that ran out."""
    return _update(UNCLAIM, {"at": at}), _update(DOUBT, {"at": at})


def _update(sql: str, values: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.rowcount
