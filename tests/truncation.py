"""Tests that commit are cleaned up by TRUNCATE, which records refuse; only a test database's owner lets it pass."""

import pytest
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations

from tests import law, owner

TABLES = "select tgrelid::regclass::text from pg_trigger where tgname = 'never_truncated'"
# Written by migrating and by nobody else.
KEPT = {"django_content_type", "auth_permission"}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """The test database, whose records its owner may truncate; everybody else connects as the application."""
    flush = DatabaseOperations.execute_sql_flush

    def flush_as_owner(self, sql_list):
        with owner.as_owner():
            _empty(full)
        law.keep()

    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute(TABLES)
            tables = cursor.fetchall()
            for (table,) in tables:
                cursor.execute(f"alter table {table} disable trigger never_truncated")
            full = _full(set(connection.introspection.django_table_names(only_existing=True)) - KEPT)
        before = owner.restrict()
        if tables:  # none where no chosen test asks for a database
            law.keep()
    DatabaseOperations.execute_sql_flush = flush_as_owner
    yield
    DatabaseOperations.execute_sql_flush = flush
    with django_db_blocker.unblock():
        owner.release(before)


def _full(tables: set[str]) -> str:
    """Asks which of these tables hold a row."""
    return " union all ".join(f"(select '{one}' from {one} limit 1)" for one in sorted(tables))


def _empty(full: str) -> None:
    """Truncate the tables that hold rows and what refers to them: to truncate all 130 takes a second each time."""
    with connection.cursor() as cursor:
        cursor.execute(full)
        if names := [name for (name,) in cursor.fetchall()]:
            cursor.execute(f"truncate {', '.join(names)} cascade")
