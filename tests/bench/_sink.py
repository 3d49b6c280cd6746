"""Postfix's smtp-sink: a mail server in C that takes everything and keeps nothing, unpacked from Debian's package.

A sink in Python takes half a millisecond a mail or more and would be what is measured.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from personalize.start.postgres import free_port

WANTED = "Neither smtp-sink on the path nor apt-get to fetch it with: install postfix's smtp-sink and run again."


@contextmanager
def smtp_sink() -> Iterator[int]:
    """The port of a running smtp-sink."""
    folder = Path(tempfile.mkdtemp(prefix="personalize-sink-", dir="/var/tmp"))
    port = free_port()
    try:
        program, libraries = _program(folder)
        env = {**os.environ, "LD_LIBRARY_PATH": str(libraries)}
        who = ["-u", "nobody"] if os.geteuid() == 0 else []
        running = subprocess.Popen([program, *who, f"127.0.0.1:{port}", "512"], env=env)
        try:
            _wait(port)
            yield port
        finally:
            running.kill()
            running.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(folder: Path) -> tuple[Path, Path]:
    """(smtp-sink, where its libraries are)."""
    if found := shutil.which("smtp-sink"):
        return Path(found), folder
    if not shutil.which("apt-get"):
        raise RuntimeError(WANTED)
    folder.chmod(0o755)
    got = subprocess.run(["apt-get", "download", "postfix"], cwd=folder, capture_output=True, text=True, check=False)
    if got.returncode:  # a machine whose package lists are old
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "download", "postfix"], cwd=folder, capture_output=True, check=True)
    (package,) = folder.glob("postfix_*.deb")
    subprocess.run(["dpkg", "-x", package, folder / "postfix"], check=True)
    return folder / "postfix/usr/sbin/smtp-sink", folder / "postfix/usr/lib/postfix"


def _wait(port: int) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("smtp-sink did not start")
