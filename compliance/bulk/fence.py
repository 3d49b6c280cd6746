"""What the database server says of itself."""

from datetime import datetime

from django.db import connection

IDENTITY = """
select s.system_identifier, c.timeline_id, d.oid::int8
from pg_control_system() s
cross join pg_control_checkpoint() c
join pg_database d on d.datname = current_database()
"""


def identity() -> tuple[int, int, int]:
    """(system identifier, timeline) of the server, and the number of the database in it."""
    with connection.cursor() as cursor:
        cursor.execute(IDENTITY)
        return cursor.fetchone()


def running() -> tuple[int, int, datetime]:
    """What no two databases that run have in common: system identifier, number of the database, start of the server."""
    system, _, number = identity()
    with connection.cursor() as cursor:
        cursor.execute("select pg_postmaster_start_time()")
        (start,) = cursor.fetchone()
        return system, number, start


def follows() -> bool:
    """Whether this database follows another one and takes no changes of its own."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_is_in_recovery()")
        return bool(cursor.fetchone()[0])


def clock() -> datetime:
    """The server's own time, this very moment."""
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        (told,) = cursor.fetchone()
        return told
