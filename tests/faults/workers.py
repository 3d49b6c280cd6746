"""Real Celery workers, a mail server and a launched run, for tests that break something while mails leave."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from django.utils.timezone import now

from campaigns import runs, tasks
from campaigns.models import Run
from compliance import roles
from compliance.models import Role
from compliance.web import acting
from personalize import celery, features, wake
from personalize.start.postgres import free_port
from tests import owner
from tests.bench import population
from tests.campaigns.sink import Sink
from tests.campaigns.world import World
from tests.faults.processes import Workers

CLIENTS, KILLS, MANY, MOST_S = 5_000, 4, 2, 240


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
    made = Workers(env, tmp_path / "worker.log", MANY)
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
