"""The last gate, asked while the worker does something else: one prepared statement, one durable commit a message.

`campaigns_gate` (a function of the database) holds every rule; see its migration. Asking and hearing the answer are
apart, because the commit's wait for the disk is the longest part of sending and a worker has the next mail to build.
"""

import select
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg
from django.db import connection
from psycopg import generators, pq

NAME = b"campaigns_gate"
SQL = b"select public.campaigns_gate($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14)"
TYPES = ("uuid", "uuid", "timestamptz", "timestamptz", "text", "int4", "int4", "bytea", "bytea",
         "uuid", "uuid", "timestamptz", "text", "uuid")  # fmt: skip

# Settles without a gate to go with: nobody waits for the disk, because losing it costs a doubt and never a second copy.
SETTLE = """
WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
UPDATE campaigns_message m
SET state = 'sent', reason = '', sent_at = %(at)s, reply = %(reply)s, lease = NULL, lease_until = NULL
FROM quick
WHERE m.id = %(id)s
AND m.lease = %(lease)s
AND m.state IN ('intent', 'unconfirmed')
"""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a run's plan says to the gate. asleep: hours of local time without messages, e.g. (21, 8), or None."""

    purpose: str
    asleep: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Settled:
    """A message that the server took, and the token under which it was handed over."""

    message: UUID
    lease: UUID
    at: datetime
    reply: str


class Gate:
    """The gate on this process's connection. `ask`, then `answer`; never two questions at once."""

    def __init__(self, pads: tuple[bytes, bytes], epoch: UUID | None) -> None:
        """pads: see contact.pads · epoch: for which sending is armed here, see fence.state."""
        connection.ensure_connection()
        self._wire: psycopg.Connection = connection.connection
        self._pads = tuple(b"\\x" + one.hex().encode() for one in pads)
        self._epoch, self._prepared = epoch, False

    def ask(self, message: UUID, lease: UUID, *, at: datetime, until: datetime, rules: Rules,
            settled: Settled | None) -> None:  # fmt: skip
        """Send the question, and with it that the message before was taken."""
        self._prepare()
        asleep = rules.asleep or (None, None)
        done = (settled.message, settled.lease, settled.at, settled.reply) if settled else (None, None, None, None)
        values = (message, lease, at, until, rules.purpose, *asleep, *self._pads, *done, self._epoch)
        self._wire.pgconn.send_query_prepared(NAME, [_text(one) for one in values])
        while self._wire.pgconn.flush():
            select.select([], [self._wire.pgconn.socket], [], 1.0)

    def answer(self) -> str:
        """ "go", or why not: "suppressed:<reason>", "held", "quiet", "stopped", "fenced", "no_record", "lost_lease", or
        "pressed:<JSON>" for `limits`.

        Raises django.db.Error when the database refused or went away; then no dot may be sent.
        """
        with connection.wrap_database_errors:
            (result,) = self._wire.wait(generators.fetch_many(self._wire.pgconn))
            if result.status != pq.ExecStatus.TUPLES_OK:
                raise psycopg.errors.error_from_result(result)
        return (result.get_value(0, 0) or b"").decode()

    def _prepare(self) -> None:
        if self._prepared:
            return
        if self._wire.pgconn.transaction_status == pq.TransactionStatus.IDLE and not self._wire.autocommit:
            self._wire.execute("select")  # opens the transaction that the caller asked Django for
        with connection.wrap_database_errors:
            # By name, so that a connection that Django keeps for the next task is told once.
            known = self._wire.execute("select from pg_prepared_statements where name = %s", [NAME.decode()]).fetchone()
            if known is None:
                oids = [self._wire.adapters.types[name].oid for name in TYPES]
                result = self._wire.pgconn.prepare(NAME, SQL, oids)
                if result.status != pq.ExecStatus.COMMAND_OK:
                    raise psycopg.errors.error_from_result(result)
        self._prepared = True


def settle(done: Settled) -> int:
    """Say that the server took a message; 0 when the lease is another's."""
    values = {"id": done.message, "lease": done.lease, "at": done.at, "reply": done.reply}
    with connection.cursor() as cursor:
        cursor.execute(SETTLE, values)
        return cursor.rowcount


def _text(value: object) -> bytes | None:
    """A parameter in PostgreSQL's text form."""
    if value is None or isinstance(value, bytes):
        return value
    return value.isoformat().encode() if isinstance(value, datetime) else str(value).encode()
