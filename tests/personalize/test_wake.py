"""A hint reaches a real worker when its transaction commits, and never otherwise."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from personalize import celery, wake
from personalize.bulk import broker
from personalize.start import programs
from tests import owner
from tests.personalize.wake_tasks import leave_a_mark, mark_and_stay, wait_for_ever

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def broker_there(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """pgmq in the test's own database."""
    with django_db_blocker.unblock():
        owner.install_broker()


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch, broker_there: None) -> None:
    """The choice of the embedded broker, and empty queues."""
    monkeypatch.setattr(celery, "EMBEDDED", True)
    with owner.as_owner(), connection.cursor() as cursor:
        cursor.execute("select pgmq.purge_queue(queue_name) from pgmq.list_queues()")


@pytest.fixture(scope="module")
def worker(broker_there: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A worker of the run queue, as `up` starts it."""
    env = {
        **os.environ,
        "DATABASE_URL": owner.application_url(),
        "BROKER_URL": "",
        "LOG_LEVEL": "INFO",
        "DJANGO_SETTINGS_MODULE": "personalize.settings",
    }
    argv = [
        sys.executable, "-m", "celery", "-A", "personalize.celery", "worker", "-Q", "run", "-c", "1", "-l", "INFO",
        "-I", "tests.personalize.wake_tasks", "--without-gossip", "--without-mingle", "--without-heartbeat",
    ]  # fmt: skip
    log = tmp_path_factory.mktemp("worker") / "log"
    with log.open("w") as out:
        running = subprocess.Popen(argv, env=env, stdout=out, stderr=out)
    try:
        wait_for(lambda: " ready." in log.read_text(), "the worker", 60)
        yield
    finally:
        running.terminate()
        running.wait(30)


def wait_for(true, what: str, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"{what} did not come"
        time.sleep(0.02)


def roll_back(**kwargs: str) -> None:
    with transaction.atomic():
        wake.soon(leave_a_mark, **kwargs)
        transaction.set_rollback(True)


def lengths() -> dict[str, int]:
    return {one.queue: one.length for one in broker.waiting() if one.length}


def test_a_committed_hint_runs_and_a_rolled_back_one_never_does(worker: None, embedded: None, tmp_path: Path) -> None:
    roll_back(folder=str(tmp_path), name="rolled-back")
    with transaction.atomic():
        wake.soon(leave_a_mark, folder=str(tmp_path), name="committed")
        time.sleep(1.0)
        early = (tmp_path / "committed").exists()

    wait_for((tmp_path / "committed").exists, "the committed hint")

    assert early is False
    assert sorted(path.name for path in tmp_path.iterdir()) == ["committed"]
    wait_for(lambda: lengths() == {}, "the acknowledgement")


def test_a_hint_that_nobody_took_in_time_is_not_run(worker: None, embedded: None, tmp_path: Path) -> None:
    message = wake._message(leave_a_mark, {"folder": str(tmp_path), "name": "stale"})
    message["headers"]["expires"] = datetime(2020, 1, 1, tzinfo=UTC).isoformat()

    broker.send("run", message)
    wake.soon(leave_a_mark, folder=str(tmp_path), name="fresh")

    wait_for((tmp_path / "fresh").exists, "the fresh hint")
    assert not (tmp_path / "stale").exists()


def test_a_worker_goes_on_after_an_answer_that_the_database_did_not_hear(
    worker: None, embedded: None, tmp_path: Path
) -> None:
    """Its connections are cut while it works, as by a restart of the database: the next hint runs all the same."""
    with transaction.atomic():
        wake.soon(mark_and_stay, folder=str(tmp_path), name="working", until="cut")
    wait_for((tmp_path / "working").exists, "the first hint")
    with owner.as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
        assert cursor.fetchone()[0] >= 2
    (tmp_path / "cut").touch()

    with transaction.atomic():
        wake.soon(leave_a_mark, folder=str(tmp_path), name="next")

    wait_for((tmp_path / "next").exists, "the next hint", 60)


def test_two_long_transactions_may_wake_the_same_queue(embedded: None) -> None:
    """pgmq's notify trigger locks a row of the queue; deferred, it is not held while the caller works."""
    other = connection.copy()
    try:
        with transaction.atomic():
            wake.soon(wait_for_ever)
            with other.cursor() as cursor:
                cursor.execute("set lock_timeout = '500ms'")
                cursor.execute(broker.SEND, {"queue": "train", "message": "{}"})
    finally:
        other.close()

    assert lengths() == {"train": 2}


def test_a_hint_that_cannot_be_sent_is_logged_and_the_work_is_kept(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, embedded: None
) -> None:
    monkeypatch.setattr(leave_a_mark, "queue", "nowhere", raising=False)

    with transaction.atomic():
        wake.soon(leave_a_mark, folder="", name="x")
        with connection.cursor() as cursor:  # the transaction is still good
            cursor.execute("select 1")

    assert [line.getMessage() for line in caplog.records if line.name == "personalize.wake"] == ["wake.not_sent"]


def test_another_broker_is_told_after_commit_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(celery, "EMBEDDED", False)
    monkeypatch.setattr(wake, "_publish", lambda task, kwargs: sent.append(kwargs["name"]))

    roll_back(folder="", name="rolled-back")
    with transaction.atomic():
        wake.soon(leave_a_mark, folder="", name="committed")
        during = list(sent)

    assert during == []
    assert sent == ["committed"]


def test_everything_that_the_clock_kicks_is_a_task_on_its_queue() -> None:
    celery.app.loader.import_default_modules()
    for module in programs.TRAINING.split(","):
        celery.app.loader.import_task_module(module)
    kicked = {**celery.SWEEPS, **celery.DAILY, **celery.WEEKLY}

    found = {name: (name in celery.app.tasks, queue in celery.QUEUES) for name, (_, queue) in kicked.items()}

    assert found == dict.fromkeys(kicked, (True, True))
