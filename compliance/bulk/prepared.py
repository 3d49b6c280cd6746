"""Statements that a request waits for: prepared once on a connection, with numbered parameters, one round trip each.

Django's cursor writes the parameters into the text, which the server then parses and plans anew every time; psycopg's
makes a cursor, its adapters and a generator for every statement. Here libpq is asked at once, which costs the process a
third of that: what a connection has prepared, and how values of its types are read, is kept with it.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import pq, sql
from psycopg.adapt import PyFormat, Transformer

MOST = 100  # statements a connection keeps prepared
# SQLSTATE of a statement that is not prepared any more, and of one whose tables changed since: nothing of it was run.
STALE = (b"26000", b"0A000")
DONE = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)
NAMED = re.compile(r"%\((\w+)\)s")


def written(statement: str, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The statement with what never changes written into it, and those of the values that go with every asking."""
    texts = {name: sql.Literal(value).as_string() for name, value in values.items()}
    plain = {name: text for name, text in texts.items() if "%" not in text}  # a sign of a value would be one of ours
    made = NAMED.sub(lambda found: plain.get(found[1], found[0]), statement)
    return made, {name: value for name, value in values.items() if name not in plain}


def row(statement: str, given: Mapping[str, Any], make: Callable[..., Any] = tuple) -> Any:
    """The first row that it gives, made of its values by `make`, or None."""
    wire, result = _asked(statement, given)
    return wire.read(result, 0, 1, make)[0] if result.ntuples else None


def rows(statement: str, given: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """All rows that it gives."""
    wire, result = _asked(statement, given)
    return wire.read(result, 0, result.ntuples, tuple)


def changed(statement: str, given: Mapping[str, Any]) -> int:
    """How many rows it wrote."""
    return _asked(statement, given)[1].command_tuples or 0


class _Wire:
    """What is kept with one connection: its prepared statements by text and types, oldest first, and its adapters."""

    def __init__(self, line: psycopg.Connection) -> None:
        self.line, self.adapters = line, Transformer(line)
        self.names: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self.made = 0

    def ask(self, text: str, values: list[Any]) -> pq.abc.PGresult:
        """The answer to a statement, or its error raised."""
        line, adapters = self.line, self.adapters
        sent = adapters.dump_sequence(values, [PyFormat.BINARY] * len(values))
        types, formats = tuple(adapters.types or ()), adapters.formats
        if not line.autocommit:
            # psycopg drops everything that is prepared when it rolls back what it once sent many times; to find that
            # out here would end the transaction.
            if line.pgconn.transaction_status == pq.TransactionStatus.IDLE:
                line.execute("select")  # opens the transaction that the caller asked Django for
            return self._good(line.pgconn.exec_params(text.encode(), sent, types, formats, pq.Format.BINARY))
        name = self.names.get((text, types)) or self._prepared(text, types)
        result = line.pgconn.exec_prepared(name, sent, formats, pq.Format.BINARY)  # type: ignore[arg-type]
        if result.error_field(pq.DiagnosticField.SQLSTATE) in STALE:
            self.names.clear()
            name = self._prepared(text, types)
            result = line.pgconn.exec_prepared(name, sent, formats, pq.Format.BINARY)  # type: ignore[arg-type]
        return self._good(result)

    def read(self, result: pq.abc.PGresult, first: int, last: int, make: Callable[..., Any]) -> list[Any]:
        """Rows of an answer."""
        self.adapters.set_pgresult(result, format=pq.Format.BINARY)
        return self.adapters.load_rows(first, last, make)

    def _prepared(self, text: str, types: tuple[int, ...]) -> bytes:
        if len(self.names) >= MOST:
            self._good(self.line.pgconn.exec_(b"deallocate " + self.names.pop(next(iter(self.names)))))
        name = b"asked_%d" % self.made
        self.made += 1
        self._good(self.line.pgconn.prepare(name, text.encode(), types))
        self.names[text, types] = name
        return name

    def _good(self, result: pq.abc.PGresult) -> pq.abc.PGresult:
        """The answer, or its error raised; a line that was lost has no SQLSTATE and is an operational one."""
        if result.status in DONE:
            return result
        if self.line.pgconn.status == pq.ConnStatus.BAD:
            raise psycopg.OperationalError(self.line.pgconn.get_error_message())
        raise psycopg.errors.error_from_result(result)


def _asked(statement: str, given: Mapping[str, Any]) -> tuple[_Wire, pq.abc.PGresult]:
    text, names = _numbered(statement)
    database = connections[DEFAULT_DB_ALIAS]
    database.ensure_connection()
    line = database.connection
    with database.wrap_database_errors:
        wire = getattr(line, "asked_shortly", None)
        if wire is None:
            wire = line.asked_shortly = _Wire(line)
        return wire, wire.ask(text, [given[one] for one in names])


@lru_cache(maxsize=256)
def _numbered(statement: str) -> tuple[str, tuple[str, ...]]:
    """The statement with $1, $2 … and the names they stand for."""
    names = tuple(dict.fromkeys(NAMED.findall(statement)))
    return NAMED.sub(lambda found: f"${names.index(found[1]) + 1}", statement), names
