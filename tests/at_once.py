"""Doing one thing in many threads at the same moment, each with a connection of its own."""

import threading
from collections.abc import Callable

from django.db import connections

WAIT_S = 120


def at_once(many: int, deed: Callable[[], object]) -> list[Exception]:
    """Run the deed in so many threads that start together; gives what they raised."""
    start, faults = threading.Barrier(many), []

    def work() -> None:
        try:
            start.wait(WAIT_S / 2)
            deed()
        except Exception as fault:
            faults.append(fault)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(many)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(WAIT_S)
    return faults
