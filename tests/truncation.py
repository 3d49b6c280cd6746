"""Tests that commit are cleaned up by TRUNCATE, which records refuse; only a test database lets it pass."""

import pytest
from django.db import connection

TABLES = "select tgrelid::regclass::text from pg_trigger where tgname = 'never_truncated'"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """The test database, whose records may be truncated."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(TABLES)
        for (table,) in cursor.fetchall():
            cursor.execute(f"alter table {table} disable trigger never_truncated")
