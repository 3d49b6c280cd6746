"""SQL of the embedded broker: pgmq's queues inside our own PostgreSQL."""

import json
from dataclasses import dataclass
from typing import Any

from django.db import connection
from pgmq.install import get_embedded_install_sql

INSTALLED = "select to_regproc('pgmq.metrics_all') is not null"
LOCK = "select pg_advisory_xact_lock(7012001)"
CREATE = "select pgmq.create(%(queue)s)"
NOTIFY = "select pgmq.enable_notify_insert(%(queue)s, 0)"
NAMES = "select queue_name from pgmq.list_queues()"
# pgmq's insert trigger updates one row per queue. Deferred, its lock is taken at commit and not while the caller still
# works, so a long transaction that wakes a worker does not hold up everyone else who wakes that worker.
SEND = """
set constraints pgmq.trigger_notify_queue_insert_listeners deferred;
select pgmq.send(%(queue)s, %(message)s::jsonb)
"""
WAITING = """
select queue_name, queue_length, coalesce(oldest_msg_age_sec, 0)
from pgmq.metrics_all()
order by queue_name
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What one queue holds: messages, and seconds since the oldest of them was sent."""

    queue: str
    length: int
    oldest_s: int


def install(queues: list[str]) -> bool:
    """Make pgmq's schema and the queues where they are missing; True if the schema was new. Safe to call again."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK)  # two starts at once: the second finds everything made
        cursor.execute(INSTALLED)
        new = not cursor.fetchone()[0]
        if new:
            cursor.execute(get_embedded_install_sql())
        cursor.execute(NAMES)
        there = {name for (name,) in cursor.fetchall()}
        for queue in queues:
            if queue not in there:
                cursor.execute(CREATE, {"queue": queue})
                cursor.execute(NOTIFY, {"queue": queue})
    return new


def send(queue: str, message: dict[str, Any]) -> None:
    """Put a message on a queue, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(SEND, {"queue": queue, "message": json.dumps(message)})


def waiting() -> list[Waiting]:
    """What every queue holds, by queue name."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        return [Waiting(*row) for row in cursor.fetchall()]
