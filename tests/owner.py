"""Tests run as the application: a role that owns nothing. What only the owner may do says so: `with as_owner():`."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from compliance import privileges
from personalize import celery
from personalize.bulk import broker
from personalize.start.postgres import APPLICATION

PASSWORD = "only-for-tests"


# Whether DDL leaves its entry in the ledger; PostgreSQL before 17 has no such switch.
WATCH = "select set_config('event_triggers', %s, false) from pg_settings where name = 'event_triggers'"


@contextmanager
def as_owner(*, watched: bool = False) -> Iterator[None]:
    """For the block this connection is the owner of the tables again. watched: its DDL is kept in the ledger."""
    with connection.cursor() as cursor:
        cursor.execute("set role none")
        cursor.execute(WATCH, ["on" if watched else "off"])
    yield
    with connection.cursor() as cursor:  # after an error the transaction is over, and the role with it
        cursor.execute(WATCH, ["on"])
        cursor.execute("reset role")


def restrict() -> str:
    """Grant the application what `prepare` grants it, and from now on connect as it; gives the former options."""
    privileges.settle(APPLICATION, password=PASSWORD)
    options = connection.settings_dict["OPTIONS"]
    before = options["options"]
    options["options"] = f"{before} -c role={APPLICATION}"
    connection.close()
    return before


def application_url() -> str:
    """The test database's URL for a process of its own, as the application."""
    at = connection.settings_dict
    return f"postgresql://{APPLICATION}:{PASSWORD}@{at['HOST']}:{at['PORT']}/{at['NAME']}"


def install_broker() -> None:
    """pgmq and its queues in the test database, as `prepare` makes them."""
    with as_owner():
        broker.install(list(celery.QUEUES))
        privileges.settle(APPLICATION, password=PASSWORD)


def release(before: str) -> None:
    """Connect as the owner again, who may drop the test database."""
    connection.close()
    connection.settings_dict["OPTIONS"]["options"] = before
