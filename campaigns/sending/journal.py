"""The worker's own record of what the mail server took: one line after each 250, before anything else happens.

A line that was written survives the death of its process, so a message whose worker was killed between the server's yes
and the database's is known to have been sent. Lines need no disk flush for that; a machine that dies as a whole may
lose some, which costs doubts and never a second copy.
"""

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings
from django.utils.dateparse import parse_datetime

from campaigns.bulk.gate import Settled

FORSAKEN_S = 86_400


class Journal:
    """One worker's file; it is there while a message of it may be unsettled, and gone once all are settled."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._file = -1

    def write(self, done: Settled) -> None:
        """Add a line; one write, so that half a line is never read as a whole one."""
        if self._file < 0:
            settings.JOURNAL.mkdir(parents=True, exist_ok=True)
            self._path = settings.JOURNAL / f"{socket.gethostname()}+{os.getpid()}+{uuid4().hex[:8]}.jsonl"
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        line = [str(done.message), str(done.lease), done.at.isoformat(), done.reply]
        os.write(self._file, json.dumps(line).encode() + b"\n")

    def close(self, *, settled: bool) -> None:
        """Let go of the file; delete it when the database knows everything that is in it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self._path is not None and settled:
            self._path.unlink(missing_ok=True)


def left() -> Iterator[tuple[Path, list[Settled]]]:
    """Every journal in the folder, with its whole lines: those of the dead, and of the living up to now."""
    for path in sorted(settings.JOURNAL.glob("*.jsonl")) if settings.JOURNAL.exists() else ():
        try:
            lines = path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:  # its worker settled everything in the meantime
            continue
        yield path, [_read(line) for line in lines]


def is_orphan(path: Path) -> bool:
    """Whether the process that wrote a journal is gone: its machine and number are in the name.

    Of another machine's process nobody here can tell; its journal is an orphan when it was left alone for a day.
    """
    host, number, _ = (*path.name.split("+"), "", "")[:3]
    try:
        if host != socket.gethostname():
            return time.time() - path.stat().st_mtime > FORSAKEN_S
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (FileNotFoundError, PermissionError):
        return False
    return False


def _read(line: bytes) -> Settled:
    message, lease, at, reply = json.loads(line)
    when = parse_datetime(at)
    if when is None:
        raise ValueError(f"not a journal's time: {at}")
    return Settled(UUID(message), UUID(lease), when, reply)
