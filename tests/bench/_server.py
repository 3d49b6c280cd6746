"""The web server as `make run` starts it, for benchmarks: its own process, its own and PostgreSQL's CPU time."""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection

from personalize.start.postgres import free_port
from personalize.start.programs import ONE_CORE

TICKS = os.sysconf("SC_CLK_TCK")
READY_S = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """One Granian worker that serves `urlconf` on the benchmark's own database. cpu() counts PostgreSQL too."""

    port: int
    pid: int
    postmaster: int

    def connect(self) -> http.client.HTTPConnection:
        """A connection that is kept alive, as SDKs keep theirs."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def cpu(self) -> float:
        """CPU seconds that the server and PostgreSQL have used so far, whoever asked for them."""
        return _family(self.pid) + _family(self.postmaster)


@contextmanager
def serving(urlconf: str = "personalize.urls", *, threads: int = 8) -> Iterator[Server]:
    """Serve until the block ends."""
    port = free_port()
    env = {
        **os.environ,
        **ONE_CORE,
        "DATABASE_URL": f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{connection.settings_dict['NAME']}",
        "DJANGO_SETTINGS_MODULE": "tests.bench._served",
        "BENCH_URLCONF": urlconf,
        "BROKER_URL": "memory://",
        "SECRET_KEY": settings.SECRET_KEY,
        "BASE_URL": f"http://127.0.0.1:{port}",
        "LOG_LEVEL": "ERROR",
    }
    argv = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--blocking-threads", str(threads), "--backpressure", "64", "--no-ws",
        "--no-access-log", "--log-level", "error", "personalize.wsgi:application",
    ]  # fmt: skip
    process = subprocess.Popen(argv, env=env, start_new_session=True)
    try:
        _wait(port, process)
        with connection.cursor() as cursor:
            cursor.execute("select pg_backend_pid()")
            postmaster = int(_stat(cursor.fetchone()[0])[1])
        yield Server(port, process.pid, postmaster)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(port: int, process: subprocess.Popen) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until and process.poll() is None:
        try:
            asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            asked.request("GET", "/healthz")
            asked.getresponse().read()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the web server did not start")


def _stat(pid: int | str) -> list[str]:
    """Fields of /proc/<pid>/stat from the state on: [0] state, [1] parent, [11:15] utime stime cutime cstime."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _family(root: int) -> float:
    """CPU seconds of a process, the children it has buried, and every living descendant."""
    parents: dict[int, list[int]] = {}
    fields: dict[int, list[str]] = {}
    for one in Path("/proc").iterdir():
        if one.name.isdigit():
            try:
                fields[int(one.name)] = _stat(one.name)
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents.setdefault(int(fields[int(one.name)][1]), []).append(int(one.name))
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        if pid in fields:
            total += sum(map(int, fields[pid][11:15]))
        waiting += parents.get(pid, [])
    return total / TICKS
