"""Statements that a request waits for: prepared once on a connection, with numbered parameters, one round trip each.

Django's cursor writes the parameters into the text, which the server then parses and plans anew every time; psycopg
reads a long text with named parameters anew at every use.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import sql

NAMED = re.compile(r"%\((\w+)\)s")


def written(statement: str, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The statement with what never changes written into it, and those of the values that go with every asking."""
    texts = {name: sql.Literal(value).as_string() for name, value in values.items()}
    plain = {name: text for name, text in texts.items() if "%" not in text}  # a sign of a value would be one of ours
    made = NAMED.sub(lambda found: plain.get(found[1], found[0]), statement)
    return made, {name: value for name, value in values.items() if name not in plain}


def row(statement: str, given: Mapping[str, Any], factory: Callable[..., Any] = psycopg.rows.tuple_row) -> Any:
    """The first row that it gives, or None."""
    return _asked(statement, given, factory, psycopg.RawCursor.fetchone)


def rows(statement: str, given: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """All rows that it gives."""
    return _asked(statement, given, psycopg.rows.tuple_row, psycopg.RawCursor.fetchall)


def changed(statement: str, given: Mapping[str, Any]) -> int:
    """How many rows it wrote."""
    return _asked(statement, given, psycopg.rows.tuple_row, lambda cursor: cursor.rowcount)


def _asked(
    statement: str, given: Mapping[str, Any], factory: Callable[..., Any], take: Callable[[psycopg.RawCursor], Any]
) -> Any:
    text, names = _numbered(statement)
    database = connections[DEFAULT_DB_ALIAS]
    database.ensure_connection()
    with database.wrap_database_errors:
        cursor = psycopg.RawCursor(database.connection, row_factory=factory)
        return take(cursor.execute(text, [given[one] for one in names], prepare=True, binary=True))


@lru_cache(maxsize=256)
def _numbered(statement: str) -> tuple[str, tuple[str, ...]]:
    """The statement with $1, $2 … and the names they stand for."""
    names = tuple(dict.fromkeys(NAMED.findall(statement)))
    return NAMED.sub(lambda found: f"${names.index(found[1]) + 1}", statement), names
