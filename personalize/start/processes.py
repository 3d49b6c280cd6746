"""Keeping processes alive, and ending all of them."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

BACK_OFF = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # seconds before the first, second, ... restart in a row
HEALTHY_S = 60.0  # a process that ran this long starts its back-off anew
LOG_KEEP = 5_000_000  # bytes of old log kept when a process starts
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Process:
    """One program to keep running.

    argv     command line, the program first
    env      what it needs beyond the common environment
    nice     how much it yields to others, 0 to 19
    ready    a piece of its log that shows it works; "" when being alive is enough
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    nice: int = 0
    ready: str = ""


@dataclass(slots=True)
class _Running:
    process: Process
    popen: subprocess.Popen[bytes]
    started: float
    log_from: int
    failures: int = 0
    again_at: float | None = None  # monotonic time of the next start; None while it runs


class Supervisor:
    """Runs processes, each in a group and with a log file of its own; restarts the fallen; ends everyone."""

    def __init__(self, *, logs: Path, env: Mapping[str, str], say: Callable[[str], None]) -> None:
        """logs: folder of NAME.log files. env: what every process sees. say: takes a line for the person watching."""
        self.logs, self.env, self.say = logs, dict(env), say
        self.running: dict[str, _Running] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, process: Process) -> None:
        """Start a process and from now on keep it running."""
        log = self.log(process.name)
        _trim(log)
        with log.open("ab") as out:
            popen = subprocess.Popen(
                process.argv,
                env={**self.env, **process.env},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is ours to pass on, and a group can be ended whole
                preexec_fn=_child(process.nice),
            )
            log_from = out.tell()
        before = self.running.get(process.name)
        failures = before.failures if before else 0
        self.running[process.name] = _Running(process, popen, time.monotonic(), log_from, failures)

    def log(self, name: str) -> Path:
        """Where a process writes."""
        return self.logs / f"{name}.log"

    def waiting_for(self) -> list[str]:
        """Names of processes that have not yet shown that they work."""
        return [name for name, one in self.running.items() if one.again_at is not None or not self._shown(one)]

    def tend(self) -> None:
        """Look after everyone once: bury the dead and start them again when their back-off is over."""
        now = time.monotonic()
        for name, one in list(self.running.items()):
            if one.again_at is None and one.popen.poll() is not None:
                _signal_group(one.popen.pid, signal.SIGKILL)  # children it left behind would take its work
                if now - one.started > HEALTHY_S:
                    one.failures = 0
                pause = BACK_OFF[min(one.failures, len(BACK_OFF) - 1)]
                one.failures, one.again_at = one.failures + 1, now + pause
                self.say(f"{name} stopped ({_how(one.popen.returncode)}); again in {pause:g} s; see {self.log(name)}")
            elif one.again_at is not None and now >= one.again_at:
                self.start(one.process)
                self.say(f"{name} started again")

    def stop(self, *, grace_s: float, hurry: Callable[[], bool] = lambda: False) -> None:
        """Ask everyone to finish, wait up to `grace_s` seconds or until `hurry()`, then end who is left."""
        alive = [one for one in self.running.values() if one.again_at is None]
        for one in alive:
            # Only the leader: Celery's and Granian's children die at once of a TERM, their leaders let them finish.
            _signal(one.popen.pid, signal.SIGTERM)
        until = time.monotonic() + grace_s
        while time.monotonic() < until and not hurry() and any(one.popen.poll() is None for one in alive):
            time.sleep(0.05)
        for one in alive:
            _signal_group(one.popen.pid, signal.SIGKILL)
        for one in alive:
            one.popen.wait()
        self.running.clear()

    def _shown(self, one: _Running) -> bool:
        if not one.process.ready:
            return one.popen.poll() is None
        with self.log(one.process.name).open("rb") as log:
            log.seek(one.log_from)
            return one.process.ready.encode() in log.read()


def _child(nice: int) -> Callable[[], None]:
    parent = os.getpid()

    def before_exec() -> None:
        if nice:
            os.nice(nice)
        if sys.platform == "linux":  # if we are killed with -9, nobody is left behind
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

    return before_exec


def _trim(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_KEEP:
        log.replace(log.with_suffix(".log.1"))


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _signal_group(leader: int, number: int) -> None:
    # PermissionError: macOS says so for a group whose last member is a zombie.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)
