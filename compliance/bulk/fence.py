"""What the database server says of itself."""

from datetime import datetime

from django.db import connection

IDENTITY = """
select s.system_identifier, c.timeline_id
from pg_control_system() s
cross join pg_control_checkpoint() c
"""


def identity() -> tuple[int, int]:
    """(system identifier, timeline) of the server."""
    with connection.cursor() as cursor:
        cursor.execute(IDENTITY)
        return cursor.fetchone()


def clock() -> datetime:
    """The server's own time, this very moment."""
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        (told,) = cursor.fetchone()
        return told
