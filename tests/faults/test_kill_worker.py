"""Real workers are killed with -9 while they assemble and send a run of 5,000: nobody gets two, nobody is lost."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from django.utils.timezone import now

from campaigns import runs, tasks
from campaigns.models import Message, Run, RunState
from campaigns.sending import delivery
from compliance import roles
from compliance.models import Role
from compliance.web import acting
from personalize import celery, features, wake
from personalize.start.postgres import free_port
from tests import owner
from tests.bench import population
from tests.campaigns.sink import Sink
from tests.campaigns.world import World

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]

CLIENTS, KILLS, CHILDREN, MOST_S = 5_000, 4, 2, 240


@dataclass
class Workers:
    """One Celery worker of the run and mail queues, in a process group that can be killed whole."""

    env: dict[str, str]
    log: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        argv = [
            sys.executable, "-m", "celery", "-A", "personalize.celery", "worker", "-Q", "run,mail", "-c", str(CHILDREN),
            "-l", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat",
        ]  # fmt: skip
        with self.log.open("ab") as out:
            self.running.append(subprocess.Popen(argv, env=self.env, stdout=out, stderr=out, start_new_session=True))

    def kill(self) -> None:
        """-9 to the worker and its children, so that nothing of theirs is tidied up."""
        for one in self.running:
            os.killpg(one.pid, signal.SIGKILL)
            one.wait(30)
        self.running.clear()


@pytest.fixture
def mail_server() -> Iterator[tuple[Sink, int]]:
    """A real SMTP server that outlives the workers."""
    sink, port = Sink(), free_port()
    controller = Controller(sink, hostname="127.0.0.1", port=port, ready_timeout=20)
    controller.start()
    yield sink, port
    controller.stop()


@pytest.fixture
def workers(mail_server: tuple[Sink, int], tmp_path: Path) -> Iterator[Workers]:
    """Workers on the test's own database and broker."""
    env = {
        **os.environ,
        "DATABASE_URL": owner.application_url(),
        "BROKER_URL": "",
        "EMAIL_URL": f"smtp://127.0.0.1:{mail_server[1]}",
        "DJANGO_SETTINGS_MODULE": "personalize.settings",
    }
    made = Workers(env, tmp_path / "worker.log")
    yield made
    made.kill()


@pytest.fixture
def run(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A launched run of 5,000, its chunks announced on a real broker."""
    monkeypatch.setattr(celery, "EMBEDDED", True)
    monkeypatch.setattr(runs, "CHUNK", 500)  # more chunks, so that some die half made
    owner.install_broker()
    at = now()
    with acting("system:test"):
        features.ensure_core(at)
        roles.ensure()
        world = World(at, *(roles.hire(one, one, "x" * 12) for one in (Role.MARKETER, Role.EDITOR)))
        population.add(CLIENTS, prefix="fault", at=at)
        made = runs.launch(world.campaign(share_control=0.2, share_holdout=0.02), by=world.marketer, at=at)
        tasks.kick(made.pk)
    return made


def wake_up() -> None:
    """What the clock does every few seconds."""
    with acting("system:test"):
        wake.soon(tasks.sweep_runs)
        wake.soon(tasks.sweep)


def test_nobody_gets_two_and_nobody_is_lost(run: Run, workers: Workers, mail_server: tuple[Sink, int]) -> None:
    sink, _ = mail_server
    dice, kills, uneven = random.Random(7), 0, []
    workers.start()
    until = time.monotonic() + MOST_S
    marks = sorted(dice.uniform(0.05, 0.9) * CLIENTS for _ in range(KILLS))
    next_wake = 0.0
    while time.monotonic() < until:
        if time.monotonic() >= next_wake:
            wake_up()
            next_wake = time.monotonic() + 2.0
        time.sleep(0.2)
        assert workers.running[0].poll() is None, workers.log.read_text()[-3000:]
        counts = runs.counts(run.pk)
        if not counts.adds_up:
            uneven.append(counts)
        done = counts.sent + counts.unconfirmed + sum(counts.suppressed.values())
        if kills < KILLS and done >= marks[kills]:
            workers.kill()
            kills += 1
            with acting("system:test"):
                delivery.reap(at=now() + timedelta(hours=1))  # nobody is left who could hold a lease
            run.chunks.filter(state="waiting").update(lease_until=None)
            workers.start()
        run.refresh_from_db()
        if run.state == RunState.FINISHED:
            break

    arrived = Counter(address for address, _ in sink.mails)
    states = dict(Message.objects.filter(run=run).values_list("address", "state"))
    counts = runs.counts(run.pk)
    assert (run.state, kills, uneven) == (RunState.FINISHED, KILLS, []), f"{counts}\n{workers.log.read_text()[-3000:]}"
    assert counts.adds_up
    assert counts.audience == CLIENTS
    assert [address for address, n in arrived.items() if n > 1] == []
    assert counts.sent + counts.unconfirmed + counts.suppressed.get("holdout", 0) == CLIENTS
    sent = {address for address, state in states.items() if state == "sent"}
    doubted = {address for address, state in states.items() if state == "unconfirmed"}
    assert sent <= set(arrived)
    assert set(arrived) <= sent | doubted
    assert len(doubted) <= KILLS * CHILDREN
