"""How the sending stands, on the officers' page and for whoever watches by machine."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client as Browser

from campaigns import runs, work
from campaigns.models import Message, MessageState, Run
from campaigns.sending import delivery
from compliance.models import Staff
from compliance.web import acting
from tests.campaigns.sink import Sink
from tests.campaigns.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(world: World) -> Run:
    for number in (1, 2, 3):
        world.client(number)
    launched = runs.launch(world.campaign(), by=world.marketer, at=world.at)
    for chunk in launched.chunks.all():
        runs.assemble(chunk.pk, at=world.at)
    return launched


def gauges(client: Browser) -> dict[str, float]:
    lines = client.get("/metrics").content.decode().splitlines()
    pairs = (one.rsplit(" ", 1) for one in lines if not one.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_ages_and_counts_follow_the_rows(world: World, run: Run, sink: Sink, client: Browser) -> None:
    cache.delete(work.SETTLED)
    later = world.at + timedelta(minutes=10)
    before = work.stands(at=later)
    delivery.send(limit=1, at=later)
    Message.objects.filter(state=MessageState.PENDING).update(
        state=MessageState.CLAIMED, lease="0" * 32, lease_until=later - timedelta(seconds=1)
    )

    after = work.stands(at=later + timedelta(seconds=30))

    assert (before.overdue_s, before.in_hand, before.expired, before.settled_s) == (600, 0, 0, None)
    assert (after.overdue_s, after.in_hand, after.expired) == (None, 2, 2)
    assert after.settled_s is not None
    assert 0 <= after.settled_s <= 30
    assert abs(after.clock_s) < 5
    told = gauges(client)
    assert (told["personalize_leases_expired"], told["personalize_sending_armed"]) == (2, 1)
    assert told['personalize_messages{state="claimed"}'] == 2


def test_a_run_that_does_not_add_up_is_named(world: World, run: Run, officer: Staff, client: Browser) -> None:
    cache.clear()
    client.force_login(officer)
    whole = client.get("/compliance/sending/").content.decode()
    with acting("system:test"):
        Run.objects.filter(pk=run.pk).update(audience=4)
    cached = client.get("/compliance/sending/").content.decode()
    cache.clear()

    short = client.get("/compliance/sending/").content.decode()

    assert "Numbers that do not add up" not in whole
    assert "Numbers that do not add up" not in cached  # counted once a minute, and the page says when
    assert "adds up" in whole
    assert "Numbers that do not add up" in short
    assert "3 accounted for" in short


def test_the_page_names_the_keys_and_tells_no_secret(officer: Staff, client: Browser, settings) -> None:
    settings.SECRET_KEY_FALLBACKS = ["formerly"]
    client.force_login(officer)

    page = client.get("/compliance/sending/").content.decode()

    assert "Former keys of links" in page
    assert "formerly" not in page
    assert settings.SECRET_KEY not in page
