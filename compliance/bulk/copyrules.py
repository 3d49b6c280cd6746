"""Whoever judges words by the copy rules and whoever changes the rules take turns."""

from django.db import connection

RULES = 0x72756C6573  # the advisory lock of the copy rules: "rules"
WAIT_S = 20  # a change of rules that cannot get its turn gives up and is tried again later


def rules_stand() -> None:
    """Until the transaction ends no rule is enacted: what is judged in it is found by whoever enacts one next."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock_shared(%s)", [RULES])


def rules_change() -> None:
    """Until the transaction ends nobody judges words. Raises OperationalError after WAIT_S."""
    with connection.cursor() as cursor:
        cursor.execute(f"set local lock_timeout = '{WAIT_S}s'")
        cursor.execute("select pg_advisory_xact_lock(%s)", [RULES])
        cursor.execute("set local lock_timeout to default")
