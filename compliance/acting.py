"""Tells the database who acts: its triggers write that into the ledger, and refuse to write for nobody."""

from typing import Any

from django.db import DatabaseError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

IDLE, INSIDE = 0, 2  # libpq's PQTRANS_IDLE and PQTRANS_INTRANS
SAY = "select set_config('app.actor', %s, %s), set_config('app.request', %s, %s)"
FORGET = "reset app.actor; reset app.request"  # back to the process, see settings.PROCESS
FORGET_HERE = "set local app.actor to default; set local app.request to default"


class acting:  # noqa: N801 - reads as a verb: with acting("system:worker"):
    """For the block, rows written on this connection carry `actor` (and `request_id`) in the ledger.

    Nested blocks: the innermost counts. Costs one round trip at either end, none between. What is said outside a
    transaction outlives its rollback; what is said inside one ends with it, and is said again when a savepoint may have
    undone it.
    """

    def __init__(self, actor: str, *, request_id: str = "") -> None:
        self.actor, self.request_id = actor, request_id
        self.wrapper = connection.execute_wrapper(self._before_each)

    def __enter__(self) -> "acting":
        self.wrapper.__enter__()
        self.outside = not connection.in_atomic_block
        if connection.connection is not None:
            if self.outside:
                connection.close_if_health_check_failed()
            self._say(connection)  # now, because a COPY passes no wrapper
        return self

    def __exit__(self, *exc: object) -> None:
        self.wrapper.__exit__(*exc)
        outer = _innermost(connection)
        try:
            if outer is not None:
                outer._say(connection)
            else:
                _forget(connection)
        except DatabaseError:
            # Nobody may inherit this name: a connection that cannot forget it is closed.
            connection.close()

    def _before_each(self, execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if _innermost(context["connection"]) is self:
            self._say(context["connection"])
        return execute(sql, params, many, context)

    def _say(self, database: BaseDatabaseWrapper) -> None:
        raw, stamp = database.connection, (self.actor, self.request_id)
        if raw is None or raw.closed:
            return
        status = raw.pgconn.transaction_status
        if status == IDLE:
            raw.said_here = None
        if status == IDLE and (self.outside or raw.autocommit):
            if getattr(raw, "said", None) != stamp:
                _outside(database, SAY, (self.actor, False, self.request_id, False))
                raw.said = stamp
        elif status in (IDLE, INSIDE) and _in_force(database) != stamp:
            with database.wrap_database_errors:
                raw.execute(SAY, (self.actor, True, self.request_id, True))
            raw.said_here = (stamp, list(database.savepoint_ids))


def current() -> acting | None:
    """The innermost block around the caller, None where nobody said who acts."""
    return _innermost(connection)


def become(actor: str) -> None:
    """From here on the innermost block acts for `actor`: who it is was only found out inside (an API token)."""
    block = _innermost(connection)
    if block is not None:
        block.actor = actor


def _innermost(database: BaseDatabaseWrapper) -> acting | None:
    for wrapper in reversed(database.execute_wrappers):
        block = getattr(wrapper, "__self__", None)
        if isinstance(block, acting):
            return block
    return None


def _in_force(database: BaseDatabaseWrapper) -> tuple[str, str] | None:
    """What was last said, or None when a savepoint that is gone may have undone it."""
    raw = database.connection
    here = getattr(raw, "said_here", None)
    if here is None:
        return getattr(raw, "said", None)
    stamp, savepoints = here
    return stamp if database.savepoint_ids[: len(savepoints)] == savepoints else None


def _forget(database: BaseDatabaseWrapper) -> None:
    raw = database.connection
    if raw is None or raw.closed:
        return
    status = raw.pgconn.transaction_status
    if status == IDLE and getattr(raw, "said", None) is not None:
        _outside(database, FORGET)
        raw.said = raw.said_here = None
    elif status == INSIDE and getattr(raw, "said_here", None) is not None:
        with database.wrap_database_errors:
            raw.execute(FORGET_HERE)
        raw.said_here = (None, list(database.savepoint_ids))


def _outside(database: BaseDatabaseWrapper, sql: str, params: tuple[Any, ...] | None = None) -> None:
    """Run where no rollback reaches: before the transaction that Django has opened but not begun."""
    raw = database.connection
    opened = not raw.autocommit
    with database.wrap_database_errors:
        if opened:
            raw.autocommit = True
        try:
            raw.execute(sql, params)
        finally:
            if opened:
                raw.autocommit = False
