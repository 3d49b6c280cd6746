"""A fault programme is worth what it catches: wrong designs, planted here, are told from the right one by the judge."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils.timezone import now

from campaigns import bulk, runs
from campaigns.bulk.gate import Gate
from campaigns.models import Message, Run
from campaigns.sending import delivery
from personalize.start import environment
from personalize.start.postgres import free_port
from tests.bench._sink import _wait
from tests.campaigns.test_delivery import launched
from tests.campaigns.world import World
from tests.faults.judge import Verdict, judge

pytestmark = [pytest.mark.fault, pytest.mark.django_db]
HOUR = timedelta(hours=1)
CLIENTS = 6


class Killed(BaseException):
    """What a -9 looks like from inside: nothing after it runs."""


@pytest.fixture
def notes(tmp_path: Path, settings: object) -> Iterator[Path]:
    """The notes of a mail server that takes everything."""
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.JOURNAL = "127.0.0.1", free_port(), tmp_path / "journal"
    file = tmp_path / "mails"
    argv = [
        sys.executable,
        "-m",
        "tests.faults.mailserver",
        str(settings.EMAIL_PORT),
        str(file),
        "1",
        "0",
        "0",
        "0",
        "127.0.0.1",
    ]
    running = subprocess.Popen(argv, cwd=environment.ROOT)
    _wait(settings.EMAIL_PORT)
    yield file
    running.kill()
    running.wait()


@pytest.fixture
def run(world: World) -> Run:
    for number in range(CLIENTS):
        world.client(number)
    return launched(world)


def die(*args: object, **kwargs: object) -> None:
    raise Killed


def judged(run: Run, notes: Path, **more: object) -> Verdict:
    runs.finish(at=now())
    return judge(run, notes, **{"opted_out": {}, "uneven": 0, "may_be_in_doubt": 1, "seal": False, **more})


def killed_after_the_dot(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker is killed when the server has taken a mail, before it noted anything; others carry on."""
    with monkeypatch.context() as killed:
        killed.setattr(delivery.Journal, "write", die)
        killed.setattr(delivery._Worker, "end", lambda self: self.conversation.drop())
        with pytest.raises(Killed):
            delivery.send(limit=99, at=world.at)
    for hours in (1, 2):
        delivery.reap(at=world.at + hours * HOUR)
        delivery.send(limit=99, at=world.at + hours * HOUR)


def test_the_right_design_leaves_one_in_doubt(
    world: World, run: Run, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_after_the_dot(world, monkeypatch)

    verdict = judged(run, notes)

    assert (verdict.faults, verdict.in_doubt) == ({}, 1)


def test_putting_an_expired_intent_back_sends_twice(
    world: World, run: Run, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = bulk.transport.DOUBT.replace("'unconfirmed', reason = 'lease_expired'", "'pending', intent_at = null")
    monkeypatch.setattr(bulk.transport, "DOUBT", again)

    killed_after_the_dot(world, monkeypatch)

    assert judged(run, notes).twice == 1


def test_an_outbox_that_marks_after_sending_sends_twice(
    world: World, run: Run, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gate, "ask", lambda self, *args, **kwargs: None)  # no intent: claimed until it is marked sent
    monkeypatch.setattr(Gate, "answer", lambda self: "go")

    killed_after_the_dot(world, monkeypatch)

    assert judged(run, notes).twice >= 1


def test_a_gate_that_asks_for_no_token_lets_a_zombie_send_twice(
    world: World, run: Run, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = bulk.transport.claim

    def claim_and_sleep(**asked: object) -> list[bulk.transport.Letter]:
        taken = claim(**asked)
        with monkeypatch.context() as other:
            other.setattr(bulk.transport, "claim", claim)
            delivery.reap(at=world.at + HOUR)  # it slept so long that its claim went to another worker
            delivery.send(limit=99, at=world.at + HOUR)
        return taken

    with monkeypatch.context() as zombie:
        zombie.setattr(bulk.transport, "claim", claim_and_sleep)
        delivery.send(limit=99, at=world.at)
    assert judged(run, notes).faults == {}

    Message.objects.update(state="pending", intent_at=None, sent_at=None)
    with monkeypatch.context() as planted:
        planted.setattr(bulk.transport, "claim", claim_and_sleep)
        planted.setattr(Gate, "answer", lambda self: self._wire.wait(_drained(self)) or "go")
        delivery.send(limit=99, at=world.at + 2 * HOUR)
    assert judged(run, notes).twice >= CLIENTS


def _drained(gate: Gate) -> Iterator[object]:
    from psycopg import generators

    yield from generators.fetch_many(gate._wire.pgconn)


def test_consent_asked_at_the_claim_writes_to_people_who_said_no(
    world: World, run: Run, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, gone = bulk.transport.claim, {}

    def claim_then_all_leave(**asked: object) -> list[bulk.transport.Letter]:
        taken = claim(**asked)
        for letter in taken:
            message = Message.objects.select_related("client").get(pk=letter.id)
            world.withdraw(message.client)
            gone[letter.client] = world.at
        return taken

    monkeypatch.setattr(bulk.transport, "claim", claim_then_all_leave)
    with monkeypatch.context() as planted:
        planted.setattr(Gate, "ask", lambda self, *args, **kwargs: None)
        planted.setattr(Gate, "answer", lambda self: "go")
        delivery.send(limit=2, at=world.at)
    assert judged(run, notes, opted_out=gone).after_opt_out == 2

    right = dict(gone)
    gone.clear()
    delivery.send(limit=99, at=world.at)
    assert len(gone) == CLIENTS - 2
    assert judged(run, notes, opted_out=gone).after_opt_out == 0
    assert set(right).isdisjoint(gone)


def test_a_checkpoint_moved_at_the_claim_loses_mails(
    world: World, run: Run, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = bulk.transport.CLAIM.replace(
        "SET state = 'claimed',", "SET state = 'sent', intent_at = %(at)s, sent_at = %(at)s,"
    )
    monkeypatch.setattr(bulk.transport, "CLAIM", moved)
    with monkeypatch.context() as killed:
        killed.setattr(delivery._Worker, "work", die)
        with pytest.raises(Killed):
            delivery.send(limit=99, at=world.at)
    delivery.send(limit=99, at=world.at + HOUR)

    assert judged(run, notes).untrue == CLIENTS
