"""One line a step on the terminal: what, and how long it took."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class StepFailed(Exception):
    """A step of the start did not work; the message says what happened and how to mend it."""


def say(line: str) -> None:
    """Print one line now, also when the output is a pipe."""
    print(line, flush=True)  # noqa: T201


@contextmanager
def step(title: str) -> Iterator[list[str]]:
    """Show a step and its seconds. What the block appends to the list is shown as the step's outcome."""
    begun, outcome = time.monotonic(), list[str]()
    if sys.stdout.isatty():
        sys.stdout.write(f"  {title} …\r")
        sys.stdout.flush()
    try:
        yield outcome
    except BaseException:
        say(f"✗ {title:<28} failed after {time.monotonic() - begun:.1f} s")
        raise
    say(f"✓ {title:<28} {time.monotonic() - begun:5.1f} s  {' '.join(outcome)}".rstrip())
