"""docker-compose.yml runs what `up` runs, on real servers, with no secret of its own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from personalize import celery
from personalize.start import programs

ROOT = Path(__file__).resolve().parent.parent.parent
NEEDED = "SENDING_PLACE"
SECRETS = ("SECRET_KEY", "LEDGER_KEY", "POSTGRES_PASSWORD", "APPLICATION_PASSWORD", "RABBITMQ_PASSWORD")


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_the_same_processes_run(compose: dict) -> None:
    ours = {"web", "beat", "mail-catcher"} | {f"worker-{queue}" for queue in programs.QUEUES}

    assert set(compose["services"]) == ours | {"postgres", "rabbitmq", "prepare"}


@pytest.mark.parametrize("queue", programs.QUEUES)
def test_each_queue_has_a_worker_of_its_own(compose: dict, queue: str) -> None:
    here = compose["services"][f"worker-{queue}"]["command"]
    (there,) = (one.argv for one in programs.workers(queue, embedded=False))

    assert here[here.index("-Q") + 1] == there[there.index("-Q") + 1] == queue
    assert here[here.index("-c") + 1].isdigit()
    assert here[:5] == ["python", *there[1:5]]
    assert _loaded(here) == _loaded(there)


def _loaded(argv: Sequence[str]) -> set[str]:
    """The modules that a worker loads beside everybody's `tasks`."""
    return set(argv[argv.index("-I") + 1].split(",")) if "-I" in argv else set()


@pytest.mark.parametrize("embedded", [True, False])
def test_a_worker_knows_every_task_that_the_clock_puts_on_its_queue(embedded: bool) -> None:
    kicked = {**celery.SWEEPS, **celery.DAILY, **celery.WEEKLY}
    modules = {(name.rpartition(".")[0], queue) for name, (_, queue) in kicked.items()}
    special = {(module, queue) for module, queue in modules if not module.endswith(".tasks")}

    assert special == {
        (module, queue)
        for queue in programs.QUEUES
        for worker in programs.workers(queue, embedded=embedded)
        for module in _loaded(worker.argv)
        if (module, queue) in modules
    }
    assert {queue for _, queue in special} == programs.LEARN


def test_a_worker_on_the_embedded_broker_works_alone() -> None:
    """As many processes as tasks at once, none of which shares a lock with another that may be killed."""
    for queue, (at_once, _) in programs.QUEUES.items():
        alone = programs.workers(queue, embedded=True)

        assert len({one.name for one in alone}) == len(alone) == at_once
        assert {one.argv[one.argv.index("-c") + 1] for one in alone} == {"1"}


def test_secrets_have_no_default_and_stop_the_start(compose: dict) -> None:
    text = (ROOT / "docker-compose.yml").read_text()

    assert {name for name in SECRETS if f"${{{name}:?" in text} == set(SECRETS)
    assert re.findall(r"\$\{\w*(?:SECRET|PASSWORD|KEY|TOKEN)\w*:-[^}]+\}", text) == []


def test_only_prepare_gets_the_login_that_owns_the_tables(compose: dict) -> None:
    ours = {
        name: one.get("environment", {})
        for name, one in compose["services"].items()
        if one.get("image") == "personalize"
    }

    assert [name for name, seen in ours.items() if "OWNER_DATABASE_URL" in seen] == ["prepare"]
    assert {seen["DATABASE_URL"].partition("//")[2].partition(":")[0] for seen in ours.values()} == {"personalize_app"}


def test_servers_are_current_healthy_and_keep_their_data(compose: dict) -> None:
    services = compose["services"]

    assert services["postgres"]["image"] == "postgres:18"
    assert {"data", "evidence", "postgres", "rabbitmq"} == set(compose["volumes"])
    assert [name for name, one in services.items() if name != "prepare" and "healthcheck" not in one] == []
    assert services["web"]["depends_on"]["prepare"] == {"condition": "service_completed_successfully"}


def test_each_process_gets_the_volumes_that_it_needs_and_no_more(compose: dict) -> None:
    """Containers are read-only: what is written elsewhere fails, what is written inside is gone with the container."""
    ours = {name: one for name, one in compose["services"].items() if one.get("image") == "personalize"}
    shared = ["data:/data"]
    others = {
        "mail-catcher": [],
        "web": [*shared, "evidence:/evidence:ro"],
        "worker-hot": [*shared, "evidence:/evidence"],
    }

    assert {name: one["volumes"] for name, one in ours.items()} == dict.fromkeys(ours, shared) | others
    for name, one in ours.items():
        told = one["environment"]
        assert one["read_only"], name
        assert (told["DATA"], told["LEDGER_CHECKPOINTS"]) == ("/data", "/evidence/checkpoints.txt"), name
        assert "SENDING_PLACE" in told, name  # every container has a host name of its own; the fence needs one for all
    made = re.search(r"install -d -o (\w+) .*?(/\S+) (/\S+)$", (ROOT / "Dockerfile").read_text(), re.M)
    assert made
    assert made.groups() == ("firm", "/data", "/evidence")


def test_rabbitmq_gets_quorum_queues() -> None:
    program = (
        "from personalize.celery import app\n"
        "print([(q.name, q.queue_arguments) for q in app.conf.task_queues], app.conf.broker_transport_options)"
    )
    env = {**os.environ, "BROKER_URL": "amqp://personalize:x@rabbitmq:5672//"}
    env["DJANGO_SETTINGS_MODULE"] = "personalize.settings"

    shown = subprocess.run(
        [sys.executable, "-c", program], env=env, cwd=ROOT, capture_output=True, text=True, check=True
    )

    wanted = [(name, {"x-queue-type": "quorum"}) for name in programs.QUEUES]
    assert shown.stdout.strip() == f"{wanted} {{'confirm_publish': True}}"


def test_the_docker_client_accepts_it() -> None:
    """Only where the client with its compose part is installed; the checks above run everywhere."""
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("no docker compose client here; the file was checked by structure only")

    env = {**os.environ, **dict.fromkeys((*SECRETS, NEEDED), "x")}
    refused = {name: value for name, value in env.items() if name != "SECRET_KEY"}

    assert subprocess.run([docker, "compose", "config", "-q"], cwd=ROOT, env=env, check=False).returncode == 0
    assert subprocess.run([docker, "compose", "config", "-q"], cwd=ROOT, env=refused, check=False).returncode != 0
