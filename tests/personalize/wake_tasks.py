"""Tasks that the wake tests give to a real worker."""

import time
from pathlib import Path

from celery import shared_task


@shared_task(queue="run")
def leave_a_mark(*, folder: str, name: str) -> None:
    """Write an empty file."""
    Path(folder, name).touch()


@shared_task(queue="train")
def wait_for_ever() -> None:
    """A task on a queue that no worker of the tests serves."""


@shared_task(queue="run")
def mark_and_stay(*, folder: str, name: str, until: str) -> None:
    """Leave a mark, and end when another file is there."""
    (Path(folder) / name).touch()
    while not (Path(folder) / until).exists():
        time.sleep(0.02)
