"""Tests that commit are cleaned up by TRUNCATE, which records refuse; only a test database's owner lets it pass."""

import pytest
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations

from tests import law, owner

TABLES = "select tgrelid::regclass::text from pg_trigger where tgname = 'never_truncated'"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """The test database, whose records its owner may truncate; everybody else connects as the application."""
    flush = DatabaseOperations.execute_sql_flush

    def flush_as_owner(self, *args):
        with owner.as_owner():
            return flush(self, *args)

    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute(TABLES)
            tables = cursor.fetchall()
            for (table,) in tables:
                cursor.execute(f"alter table {table} disable trigger never_truncated")
        before = owner.restrict()
        if tables:  # none where no chosen test asks for a database
            law.keep()  # committed, so that no test has to write it again
    DatabaseOperations.execute_sql_flush = flush_as_owner
    yield
    DatabaseOperations.execute_sql_flush = flush
    with django_db_blocker.unblock():
        owner.release(before)
