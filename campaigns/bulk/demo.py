"""COPY for the demo firm's history, and the SQL that lets a past run look delivered."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from django.db import connection

CLIENT_COLUMNS = (
    "ref", "user_id", "email", "first_name", "last_name", "language", "timezone", "jurisdiction", "first_seen_at",
)  # fmt: skip
CONSENT_COLUMNS = (
    "id", "client_id", "purpose", "channel", "jurisdiction", "action", "basis", "wording_id", "surface", "mechanism",
    "occurred_at", "recorded_at", "actor", "evidence",
)  # fmt: skip
EVENT_COLUMNS = (
    "source_id", "message_id", "client_id", "type", "name", "properties", "context", "occurred_at", "received_at",
)  # fmt: skip
# The past is told, not sent: no mail server saw these. The reply says so on every row.
DELIVERED = """
update campaigns_message
set state = 'sent',
    intent_at = due_at,
    sent_at = due_at + interval '1 second',
    reply = '250 part of the demo firm''s history'
where run_id = %(run)s
and state = 'pending'
"""
RUN_ENDED = "update campaigns_run set state = 'finished', ended_at = %(at)s where id = %(run)s"
CLIENTS = """
select id, user_id from compliance_client where user_id like 'c-%%' order by id
"""
SENT = """
select m.id, m.client_id, m.state = 'sent', m.decided_at, coalesce(variant.versions, '{}')
from campaigns_message m
left join campaigns_variant variant on variant.id = m.variant_id
where m.run_id = %(run)s
and (m.state = 'sent' or m.reason = 'holdout')
order by m.id
"""


def copy(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY rows into a table of ours; dicts and lists are written as JSON."""
    names = ", ".join(columns)
    with connection.cursor() as cursor, cursor.copy(f"copy {table} ({names}) from stdin") as target:
        for row in rows:
            target.write_row([json.dumps(one) if isinstance(one, dict | list) else one for one in row])


def json_text(value: Any) -> str:
    """A value as the JSON text a jsonb column takes."""
    return json.dumps(value)


def client_ids() -> np.ndarray:
    """Row ids of the demo firm's clients, in the order they were made."""
    with connection.cursor() as cursor:
        cursor.execute(CLIENTS)
        return np.array([row[0] for row in cursor.fetchall()], np.int64)


def tell_delivered(run_id: int, *, at: datetime) -> list[tuple[Any, ...]]:
    """Mark a past run's waiting messages as sent then; return (message, client, written to, when, versions)."""
    with connection.cursor() as cursor:
        cursor.execute(DELIVERED, {"run": run_id})
        cursor.execute(RUN_ENDED, {"run": run_id, "at": at})
        cursor.execute(SENT, {"run": run_id})
        return cursor.fetchall()
