"""Sealing in tests: transaction numbers are the cluster's, so an open one in another test's database may hold us up."""

from threading import Event

from django.db import connection

from compliance import ledger
from compliance.models import Checkpoint
from tests.people import NOON

HELD_UP = """select coalesce(max(xid) >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint, false)
from compliance_ledgerentry"""


def seal() -> Checkpoint:
    """Seal everything there is under one head; waits up to a minute for the transactions of other tests to end."""
    waits = Event()
    for _ in range(600):
        if not _held_up():
            return ledger.seal(at=NOON) or Checkpoint.objects.latest("size")
        waits.wait(0.1)
    raise AssertionError("other databases of this cluster hold transactions open")


def _held_up() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(HELD_UP)
        return bool(cursor.fetchone()[0])
