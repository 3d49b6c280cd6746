"""How much processor was spent: wall time on a busy machine says little."""

import os
import time
from pathlib import Path

from django.db import connection

TICKS = os.sysconf("SC_CLK_TCK")


def server() -> int:
    """The process that started every backend of the database server; 0 where it is on another machine."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        found = _read(cursor.fetchone()[0])
    return found[0] if found else 0


def spent(server: int) -> float:
    """Seconds of processor that this process and the database server with all that it ever started have spent."""
    return time.process_time() + of(server)


def of(server: int) -> float:
    """Seconds that the server with all that it ever started has spent; no connection is used."""
    if not server:
        return 0.0
    processes = [_read(int(path.name)) for path in Path("/proc").glob("[0-9]*")]
    own = _read(server)
    living = sum(found[1] for found in processes if found and found[0] == server)
    return living + (own[1] + own[2] if own else 0.0)


def _read(pid: int) -> tuple[int, float, float] | None:
    """(parent, seconds spent, seconds spent by children that ended) of a process of this machine, or None."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    mine, theirs = (sum(map(int, words[first : first + 2])) / TICKS for first in (11, 13))
    return int(words[1]), mine, theirs
