"""What PostgreSQL's planner knows of our tables."""

from django.db import connection


def analyse(*tables: str) -> None:
    """Tell the planner what was loaded into these tables (all, when none is named) in this transaction.

    Autovacuum cannot look there, and without it a join over what was just loaded loops row by row.
    """
    with connection.cursor() as cursor:
        cursor.execute("select compliance_analyse(%s::regclass[])", [list(tables)])
