"""An event has a source and a client: the database checks it a statement at a time, whoever writes."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection

from compliance.models import Client
from compliance.web import acting
from personalize import identity, sources
from personalize.models import Event, Source

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owners(transactional_db: None) -> tuple[Source, Client]:
    with acting("system:test"):
        named = identity.named(["u1"], create=True, at=NOON)
        return sources.add("shop", "Shop", write_key="k", at=NOON), Client.objects.get(pk=named["u1"])


def put(source_id: int, client_id: int, message_id: str) -> None:
    with acting("system:test"), connection.cursor() as cursor:
        cursor.execute(
            "insert into personalize_event (source_id, message_id, client_id, type, name, properties, context, "
            "occurred_at, received_at) values (%s, %s, %s, 'track', 'x', '{}', '{}', %s, %s)",
            [source_id, message_id, client_id, NOON, NOON],
        )


@pytest.mark.parametrize("stray", ["source", "client"])
def test_an_event_of_nobody_is_refused(owners: tuple[Source, Client], stray: str) -> None:
    source, client = owners

    with pytest.raises(IntegrityError, match="an_event_has_a_source_and_a_client"):
        put(-1 if stray == "source" else source.pk, -1 if stray == "client" else client.pk, "a")

    assert not Event.objects.exists()
    put(source.pk, client.pk, "a")
    assert Event.objects.get().client == client


@pytest.mark.parametrize("table", ["compliance_client", "personalize_source"])
def test_an_owner_of_events_cannot_go(owners: tuple[Source, Client], table: str) -> None:
    source, client = owners
    put(source.pk, client.pk, "a")
    gone = client.pk if table == "compliance_client" else source.pk

    with (
        pytest.raises(IntegrityError, match="an_event_has_a_source_and_a_client"),
        acting("system:test"),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"delete from {table} where id = %s", [gone])

    assert Event.objects.get().client_id == client.pk
    Event.objects.all().delete()
    with acting("system:test"), connection.cursor() as cursor:
        cursor.execute(f"delete from {table} where id = %s", [gone])
        assert cursor.rowcount == 1
