"""The programs that make up the running firm; docker-compose.yml runs the same (a house test compares)."""

import os
import sys
from pathlib import Path

from personalize.start.processes import Process

# Queue -> how many tasks of it run at once, and how far its worker yields to the web server (nice, 0 to 19).
#   hot    small and soon: profiles, the ledger's seal
#   run    chunks of a launch: decide, assemble
#   mail   hand over to SMTP; each waits for the disk with one message, so several share one flush
#   train  minutes of one core: model fits
QUEUES = {"hot": (1, 3), "run": (max(1, min(4, os.cpu_count() or 1)), 8), "mail": (3, 5), "train": (1, 15)}
# Queues with tasks that learn, and the modules that their workers load for it.
LEARN = frozenset({"run", "train"})
TRAINING = "campaigns.training_tasks,personalize.training_tasks"
CELERY = (sys.executable, "-m", "celery", "-A", "personalize.celery")
# One core for each process: numpy's own threads would make every worker fight all others.
ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def web(*, port: int, host: str = "127.0.0.1") -> Process:
    """The web server: blocking threads, because Django's views and its database driver block."""
    workers = max(1, min(4, os.cpu_count() or 1))
    argv = (
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port),
        "--workers", str(workers), "--blocking-threads", "8", "--backpressure", "64", "--no-ws",
        "--respawn-failed-workers", "--workers-kill-timeout", "5", "personalize.wsgi:application",
    )  # fmt: skip
    return Process("web", argv, env=ONE_CORE)


def workers(queue: str, *, embedded: bool) -> list[Process]:
    """The Celery workers that serve one queue, so that long work never stands before short work.

    embedded: on the broker inside the database a worker is one process that works alone (see personalize.celery), so
    there are as many workers as tasks may run at once; elsewhere it is one worker with as many children
    """
    at_once, nice = QUEUES[queue]
    return [
        Process(
            f"worker-{queue}" + (f"-{number}" if number > 1 else ""),
            (
                *CELERY, "worker", "-Q", queue, "-n", f"{queue}{number}@%h", "-c", "1" if embedded else str(at_once),
                "-l", "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat",
                *(("-I", TRAINING) if queue in LEARN else ()),
            ),
            env=ONE_CORE, nice=nice, ready=" ready.",
        )
        for number in range(1, (at_once if embedded else 1) + 1)
    ]  # fmt: skip


def beat() -> Process:
    """The clock: kicks the sweeps. Its schedule is code and its memory is its own, so nothing is kept on disk."""
    return Process("beat", (*CELERY, "beat", "-l", "INFO", "-S", "celery.beat.Scheduler", "--pidfile="), nice=3)


def catcher(*, smtp_port: int, port: int, folder: Path) -> Process:
    """The local mail catcher: takes every mail, sends none, shows them in the browser."""
    argv = (
        sys.executable, "-m", "personalize.catcher",
        "--smtp-port", str(smtp_port), "--port", str(port), "--folder", str(folder),
    )  # fmt: skip
    return Process("mail-catcher", argv, nice=2, ready="mail catcher on")
