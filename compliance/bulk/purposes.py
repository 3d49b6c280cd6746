"""The records of one purpose take turns; the database takes the same turn when a review of one is decided."""

from django.db import connection


def take_turns(purpose: str) -> None:
    """Until the transaction ends nobody else proposes a record of this purpose, and none begins or ends to stand."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtextextended('compliance.record:' || %s, 0))", [purpose])
