"""Processes that fault tests start and kill: Celery workers, and a mail server that misbehaves."""

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass
class Workers:
    """Celery workers of the run and mail queues, each a process that works alone, as `up` starts them."""

    env: dict[str, str]
    log: Path
    many: int
    within: tuple[str, ...] = ()  # what each is started by: a host of its own
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        """Start as many as are missing."""
        self.running = [one for one in self.running if one.poll() is None]
        argv = [
            *self.within, sys.executable, "-m", "celery", "-A", "personalize.celery", "worker", "-Q", "run,mail",
            "-c", "1", "-l", "ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat",
        ]  # fmt: skip
        with self.log.open("ab") as out:
            while len(self.running) < self.many:
                self.running.append(
                    subprocess.Popen(argv, env=self.env, cwd=ROOT, stdout=out, stderr=out, start_new_session=True)
                )

    def kill(self) -> None:
        """-9 to all of them, so that nothing of theirs is tidied up."""
        for one in self.running:
            one.kill()
        for one in self.running:
            one.wait(30)
        self.running.clear()


@dataclass
class Mail:
    """The mail server's process."""

    port: int
    notes: Path
    seed: int
    host: str = "127.0.0.1"
    shares: tuple[float, float, float] = (0.0005, 0.0005, 0.002)
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    def start(self) -> None:
        self.starts += 1
        argv = [sys.executable, "-m", "tests.faults.mailserver", str(self.port), str(self.notes),
                str(self.seed * 1000 + self.starts), *map(str, self.shares), self.host]  # fmt: skip
        self.process = subprocess.Popen(argv, cwd=ROOT)

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
