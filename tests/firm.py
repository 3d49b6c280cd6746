"""The whole firm as `make run` starts it, in a folder of its own: for journeys and faults."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from personalize.start import environment, keys
from personalize.start.postgres import Postgres, free_port
from tests.bare import clean_environment

READY_S = 600


@dataclass(slots=True)
class Firm:
    """A running `manage.py up`. env: what its own processes see, for commands beside it."""

    url: str
    data: Path
    process: subprocess.Popen[str]
    env: dict[str, str]
    output: Path

    @property
    def password(self) -> str:
        """The password of the demo sign-ins."""
        return self.env["DEMO_PASSWORD"]

    def mails(self, words: str = "") -> list[dict[str, Any]]:
        """What the mail catcher holds, newest first: id, at, to, subject."""
        address = f"{self.env['MAIL_CATCHER_URL']}/messages.json?limit=10000&q={words}"
        with urllib.request.urlopen(address, timeout=20) as answer:
            return json.load(answer)

    def manage(self, *argv: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a management command against this firm."""
        command = [sys.executable, "manage.py", *argv]
        return subprocess.run(
            command, env=self.env, cwd=environment.ROOT, capture_output=True, text=True, timeout=timeout, check=False
        )

    def said(self) -> str:
        """Everything `up` has printed."""
        return self.output.read_text()


def start(data: Path, *, port: int, bare: bool = False) -> Firm:
    """Run `manage.py up` on a data folder and come back when it serves and every worker works."""
    output = data.parent / f"{data.name}.out"
    with output.open("w") as out:
        process = subprocess.Popen(
            [
                sys.executable,
                "manage.py",
                "up",
                "--port",
                str(port),
                "--data",
                str(data),
                *(["--bare"] if bare else []),
            ],
            env=clean_environment(),
            cwd=environment.ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    until = time.monotonic() + READY_S
    while "✓ workers" not in output.read_text():  # said after `ready`, when every process works
        if process.poll() is not None or time.monotonic() > until:
            process.terminate()
            pytest.fail(f"`manage.py up` did not become ready:\n{output.read_text()}")
        time.sleep(0.1)
    seen = {**clean_environment(), **keys.read(data / environment.FILE)}
    return Firm(f"http://127.0.0.1:{port}", data, process, seen, output)


def stop(firm: Firm, *, number: int = signal.SIGINT) -> int:
    """End a firm the way a person does; gives its exit code."""
    if firm.process.poll() is None:
        os.killpg(firm.process.pid, number)
    return firm.process.wait(timeout=60)


def new_folder() -> Path:
    """A folder for a firm's data that the database's user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="personalize-firm-", dir="/var/tmp"))
    folder.chmod(0o711)
    return folder


def remove(folder: Path) -> None:
    """Delete a firm's folder, and stop a database that outlived it."""
    Postgres(folder / "data" / "postgres").remove()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def firm_folder() -> Iterator[Path]:
    """A folder for the data of the one firm: making its tables and its demo takes longer than most tests."""
    folder = new_folder()
    yield folder
    remove(folder)


@pytest.fixture(scope="session")
def firm_process(firm_folder: Path) -> Iterator[Firm]:
    """One firm with the demo in it, for all tests of the group `firm`; the last of them ends it its own way."""
    firm = start(firm_folder / "data", port=free_port())
    yield firm
    stop(firm)
