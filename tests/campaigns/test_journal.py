"""What a worker noted before it died is believed: sent is sent, and only what nobody knows is in doubt."""

import os
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from campaigns import runs
from campaigns.bulk.gate import Settled
from campaigns.models import Message, MessageState
from campaigns.sending import delivery
from campaigns.sending.journal import FORSAKEN_S, Journal, left
from tests.campaigns.sink import Sink
from tests.campaigns.test_delivery import launched
from tests.campaigns.world import World

LEASE = UUID(int=7)


@pytest.fixture(autouse=True)
def _folder(settings: object, tmp_path: Path) -> None:
    settings.JOURNAL = tmp_path / "journal"


def gone() -> int:
    """The number of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_a_worker_that_ends_well_leaves_no_journal(world: World, sink: Sink, settings: object) -> None:
    world.client(1)
    launched(world)

    assert delivery.send(limit=9, at=world.at).sent == 1
    assert list(settings.JOURNAL.iterdir()) == []


def test_what_a_dead_worker_noted_is_sent_and_the_rest_is_in_doubt(world: World, settings: object) -> None:
    for number in (1, 2):
        world.client(number)
    run = launched(world)
    Message.objects.update(state="intent", intent_at=world.at, lease=LEASE, lease_until=world.at)
    known, unknown = Message.objects.order_by("client_id")
    journal = Journal()
    journal.write(Settled(known.pk, LEASE, world.at, "250 2.0.0 kept"))
    (mine,) = settings.JOURNAL.iterdir()
    mine.rename(mine.with_name(f"{socket.gethostname()}+{gone()}+0.jsonl"))

    assert delivery.reap(at=world.at + timedelta(minutes=3)) == (0, 1)

    assert runs.counts(run.pk) == runs.Counts(audience=2, sent=1, unconfirmed=1)
    known.refresh_from_db()
    assert (known.state, known.reply, known.sent_at) == ("sent", "250 2.0.0 kept", world.at)
    assert Message.objects.get(pk=unknown.pk).reason == "lease_expired"
    assert list(settings.JOURNAL.iterdir()) == []


def test_a_note_that_comes_late_still_ends_the_doubt(world: World, settings: object) -> None:
    world.client(1)
    run = launched(world)
    Message.objects.update(state="intent", intent_at=world.at, lease=LEASE, lease_until=world.at)
    delivery.reap(at=world.at + timedelta(minutes=3))
    assert runs.counts(run.pk).unconfirmed == 1

    Journal().write(Settled(Message.objects.get().pk, LEASE, world.at, "250 ok"))

    assert delivery.recover() == 1
    assert Message.objects.get().state == MessageState.SENT


def test_the_journal_of_a_living_worker_stays_and_a_note_under_another_token_counts_for_nothing(
    world: World, settings: object
) -> None:
    world.client(1)
    launched(world)
    Message.objects.update(state="intent", intent_at=world.at, lease=UUID(int=8), lease_until=world.at)
    Journal().write(Settled(Message.objects.get().pk, LEASE, world.at, "250 ok"))

    assert delivery.recover() == 0

    assert Message.objects.get().state == MessageState.INTENT
    assert [path.name.split("+")[1] for path, _ in left()] == [str(os.getpid())]


def test_the_journal_of_another_machine_is_read_and_stays_for_a_day(world: World, settings: object) -> None:
    world.client(1)
    launched(world)
    Message.objects.update(state="intent", intent_at=world.at, lease=LEASE, lease_until=world.at)
    Journal().write(Settled(Message.objects.get().pk, LEASE, world.at, "250 ok"))
    (theirs,) = (path.rename(path.with_name(f"elsewhere+{gone()}+0.jsonl")) for path, _ in list(left()))

    assert delivery.recover() == 1  # what it says counts, whether or not its process lives
    assert theirs.exists()
    os.utime(theirs, (time.time(), time.time() - FORSAKEN_S - 1))
    delivery.recover()
    assert not theirs.exists()


def test_half_a_line_is_no_note(world: World, settings: object) -> None:
    settings.JOURNAL.mkdir()
    (settings.JOURNAL / f"{socket.gethostname()}+{gone()}+cut.jsonl").write_bytes(
        b'["00000000-0000-4000-8000-0000000000'
    )

    assert [lines for _, lines in left()] == [[]]
    assert delivery.recover() == 0
