"""Tasks that the wake tests give to a real worker."""

from pathlib import Path

from celery import shared_task


@shared_task(queue="run")
def leave_a_mark(*, folder: str, name: str) -> None:
    """Write an empty file."""
    Path(folder, name).touch()
