"""Statements that a request waits for: prepared once, asked in one round trip, and found again when they are gone."""

import os
import socket
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from compliance.bulk import prepared

AT = datetime(2026, 11, 27, 9, 30, 1, 250_000, tzinfo=UTC)
EVERY = "select %(a)s::int8 as a, %(b)s::text as b, %(c)s::bytea as c, %(d)s::timestamptz as d, %(e)s::uuid as e, "
EVERY += "%(f)s::float8 as f, %(g)s::text[] as g, %(h)s::bool as h"
GIVEN = {"a": 7, "b": "o'clock %", "c": b"\x00\xff", "d": AT, "e": UUID(int=5), "f": None, "g": ["x", ""], "h": True}

TOPIC = "code, name, covers, approvals, officers, audience_rule, lexicon"
ONE = "%(c)s::text, 'One', '', 1, 0, '', '[]'"
COUNT = "select count(*) from compliance_topic where code = %(c)s::text"


class Row(NamedTuple):
    a: int
    b: str
    c: bytes
    d: datetime
    e: UUID
    f: float | None
    g: list[str]
    h: bool


def names() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("select name from pg_prepared_statements where name like 'asked%' order by prepare_time")
        return [one for (one,) in cursor.fetchall()]


@pytest.mark.django_db(transaction=True)
def test_a_table_that_changed_since_is_asked_anew() -> None:
    with connection.cursor() as cursor:
        cursor.execute("create temporary table changes (one int)")
    try:
        assert prepared.rows("select * from changes", {}) == []
        with connection.cursor() as cursor:
            cursor.execute("alter table changes add two text")
            cursor.execute("insert into changes values (1, 'b')")

        assert prepared.rows("select * from changes", {}) == [(1, "b")]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("drop table changes")


@pytest.mark.django_db(transaction=True)
def test_a_statement_is_prepared_once_and_again_where_it_is_gone() -> None:
    connection.close()
    for _ in range(3):
        assert prepared.row(EVERY, GIVEN, Row._make) == Row(**GIVEN)
    assert len(names()) == 1
    with connection.cursor() as cursor:
        cursor.execute("deallocate all")  # as psycopg does by itself when it rolls back
    assert prepared.row(EVERY, GIVEN) == tuple(GIVEN.values())
    assert len(names()) == 1
    assert prepared.rows("select n from generate_series(1, %(n)s::int8) n", {"n": 3}) == [(1,), (2,), (3,)]
    assert prepared.row("select 1 where %(no)s::bool", {"no": False}) is None


@pytest.mark.django_db(transaction=True)
def test_a_connection_keeps_so_many_and_lets_the_oldest_go() -> None:
    connection.close()
    for number in range(prepared.MOST + 3):
        assert prepared.row(f"select {number} + %(n)s::int8", {"n": 1}) == (number + 1,)
    kept = names()
    assert len(kept) == prepared.MOST
    assert "asked_0" not in kept
    assert prepared.row("select 0 + %(n)s::int8", {"n": 1}) == (1,)


@pytest.mark.django_db
def test_in_a_transaction_it_sees_and_loses_what_the_transaction_does() -> None:
    asked = {"c": "one"}
    with transaction.atomic():
        assert prepared.changed(f"insert into compliance_topic ({TOPIC}) values ({ONE})", asked) == 1
        assert prepared.row(COUNT, asked) == (1,)
        transaction.set_rollback(True)
    assert prepared.row(COUNT, asked) == (0,)


@pytest.mark.django_db
def test_what_the_database_refuses_is_raised_as_djangos_error() -> None:
    with pytest.raises(DataError), transaction.atomic():
        prepared.row("select 1 / %(n)s::int8", {"n": 0})
    with pytest.raises(IntegrityError), transaction.atomic():
        prepared.changed("insert into compliance_client (id) values (%(n)s::int8)", {"n": 1})
    assert prepared.row("select %(n)s::int8", {"n": 1}) == (1,)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("asked_before", [True, False])
def test_a_line_that_was_lost_is_an_operational_error_and_another_is_opened(asked_before: bool) -> None:
    connection.close()
    connection.ensure_connection()
    if asked_before:
        prepared.row("select %(n)s::int8", {"n": 1})
    with socket.socket(fileno=os.dup(connection.connection.pgconn.socket)) as line:
        line.shutdown(socket.SHUT_RDWR)
    with pytest.raises(OperationalError):
        prepared.row("select %(n)s::int8", {"n": 1})
    connection.close()
    assert prepared.row("select %(n)s::int8", {"n": 2}) == (2,)
