"""Statements that a request waits for: prepared once on a connection, with numbered parameters, one round trip each.

Django's cursor writes the parameters into the text, which the server then parses and plans anew every time; psycopg
reads a long text with named parameters anew at every use.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import psycopg
from django.db import connection
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
    with connection.wrap_database_errors, _asked(statement, given, factory) as cursor:
        return cursor.fetchone()


def rows(statement: str, given: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """All rows that it gives."""
    with connection.wrap_database_errors, _asked(statement, given, psycopg.rows.tuple_row) as cursor:
        return cursor.fetchall()


def changed(statement: str, given: Mapping[str, Any]) -> int:
    """How many rows it wrote."""
    with connection.wrap_database_errors, _asked(statement, given, psycopg.rows.tuple_row) as cursor:
        return cursor.rowcount


def _asked(statement: str, given: Mapping[str, Any], factory: Callable[..., Any]) -> psycopg.RawCursor:
    connection.ensure_connection()
    text, names = _numbered(statement)
    cursor = psycopg.RawCursor(connection.connection, row_factory=factory)
    return cursor.execute(text, [given[one] for one in names], prepare=True, binary=True)


@lru_cache(maxsize=256)
def _numbered(statement: str) -> tuple[str, tuple[str, ...]]:
    """The statement with $1, $2 … and the names they stand for."""
    names = tuple(dict.fromkeys(NAMED.findall(statement)))
    return NAMED.sub(lambda found: f"${names.index(found[1]) + 1}", statement), names
