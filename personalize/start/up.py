"""`manage.py up`: everything the firm needs on one bare machine, from the database to the mail catcher."""

import argparse
import fcntl
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from personalize.start import environment, keys, programs
from personalize.start.postgres import Postgres, PostgresFailed, free_port
from personalize.start.processes import Supervisor
from personalize.start.steps import StepFailed, say, step

GRACE_S = 12.0  # a chunk or a batch of mail ends well inside this
READY_S = 120.0
LOOK_S = 0.2


class Stopped(Exception):
    """Someone pressed Ctrl-C, or the machine wants us to go."""


class Bell:
    """Counts the requests to stop: the first is a wish, the second is an order."""

    def __init__(self) -> None:
        self.rung = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ring)

    def _ring(self, number: int, frame: object) -> None:
        self.rung += 1

    def sleep(self, seconds: float) -> None:
        """Sleep, but raise Stopped when rung."""
        if self.rung:
            raise Stopped
        time.sleep(seconds)
        if self.rung:
            raise Stopped


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `up` may be told on the command line."""
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000), help="web port (8000)")
    parser.add_argument("--data", default="", help="data folder (.data); one running firm for each")
    parser.add_argument("--bare", action="store_true", help="start an empty firm, without the demo")


def main(argv: list[str]) -> int:
    """Run `up` from the command line. Returns 0 after a wished stop, 1 when a step failed."""
    parser = argparse.ArgumentParser(prog="manage.py up", description=__doc__)
    add_arguments(parser)
    options = parser.parse_args(argv)
    return run(port=options.port, data=environment.folder(options.data), bare=options.bare)


def run(*, port: int, data: Path, bare: bool) -> int:
    """Start everything, stay until told to stop, end everything. Returns the exit code."""
    bell = Bell()
    if not data.exists():
        data.mkdir(parents=True)
        data.chmod(0o711)  # the database server, another user when we are root, must reach its folder inside
    try:
        with _alone(data):
            return _firm(bell, port=port, data=data, bare=bare)
    except Stopped:
        return 0
    except (StepFailed, PostgresFailed) as failed:
        say(f"\n{failed}")
        return 1


def _firm(bell: Bell, *, port: int, data: Path, bare: bool) -> int:
    if free_port(port) != port:
        raise StepFailed(f"Port {port} is taken by another program. Choose another: make run PORT={port + 1000}")
    database = None if os.environ.get("DATABASE_URL") else Postgres(data / "postgres")
    supervisor = None
    try:
        env, made = _environment(database, port=port, data=data)
        if bare:
            env["DEMO_PASSWORD"] = ""
        supervisor = Supervisor(logs=data / "logs", env=env, say=say)
        _prepare(bell, env, data=data)
        _start(bell, supervisor, env, port=port, data=data)
        _welcome(env, made, port=port, data=data)
        late = True
        while True:
            bell.sleep(LOOK_S)
            supervisor.tend()
            if late and not supervisor.waiting_for():
                late = False
                say("✓ workers")
            if database and not database.running():
                say("the database stopped; starting it again")
                database.start()
    finally:
        _end(bell, supervisor, database)


def _environment(database: Postgres | None, *, port: int, data: Path) -> tuple[dict[str, str], set[str]]:
    """Start the database; give what every process will see, and the names of keys made just now."""
    given, made = keys.settle(data / "keys", os.environ)
    given["PORT"] = str(port)
    given["DATA"] = str(data)
    with step("database") as outcome:
        if database:
            owner = {"OWNER_DATABASE_URL": database.start()}
            keys.write(data / environment.OWNER_FILE, owner, title="Owns the tables; `prepare` and `migrate` read it.")
            given["DATABASE_URL"] = database.application_url()
            outcome.append(f"PostgreSQL on {given['DATABASE_URL'].rpartition('@')[2].partition('/')[0]}")
        else:
            given["DATABASE_URL"] = os.environ["DATABASE_URL"]
            outcome.append("yours, from DATABASE_URL")
    if not os.environ.get("EMAIL_URL"):
        smtp_port = free_port(port + 2)
        given["EMAIL_URL"] = f"smtp://127.0.0.1:{smtp_port}"
        given["MAIL_CATCHER_URL"] = f"http://127.0.0.1:{free_port(port + 1)}"
    for name in ("BROKER_URL", "EMAIL_URL", "BASE_URL", "PUBLIC_URL", "ALLOWED_HOSTS", "DEBUG"):
        if os.environ.get(name):
            given[name] = os.environ[name]
    keys.write(data / environment.FILE, given, title="What `up` gave every process; manage.py reads it too.")
    seen = {name: value for name, value in os.environ.items() if not name.startswith("OWNER_DATABASE_URL")}
    return {**seen, **given, "DJANGO_SETTINGS_MODULE": "personalize.settings", "PYTHONUNBUFFERED": "1"}, made


def _prepare(bell: Bell, env: dict[str, str], *, data: Path) -> None:
    """Broker, tables, demo: one child that may take a minute and prints its own steps.

    It alone gets the login that owns the tables.
    """
    owner = {name: value for name, value in os.environ.items() if name.startswith("OWNER_DATABASE_URL")}
    if not os.environ.get("DATABASE_URL"):
        owner = keys.read(data / environment.OWNER_FILE)
    argv = [sys.executable, str(environment.ROOT / "manage.py"), "prepare"]
    quiet = {"LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING")}  # its steps are on the terminal already
    # The demo fits a model; with two threads on two busy cores the sums alone took nine times as long.
    seen = {**programs.ONE_CORE, **env, **owner, **quiet}
    child = subprocess.Popen(argv, env=seen, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        while child.poll() is None:
            bell.sleep(0.05)
    except Stopped:
        child.terminate()
        child.wait()
        raise
    if child.returncode:
        raise StepFailed("The firm was not prepared; the step above says why. Nothing else was started.")


def _start(bell: Bell, supervisor: Supervisor, env: dict[str, str], *, port: int, data: Path) -> None:
    """Start every program and come back when pages are served; the workers follow within seconds."""
    with step("web and mail catcher") as outcome:
        supervisor.start(programs.web(port=port))
        if "MAIL_CATCHER_URL" in env and env["EMAIL_URL"].startswith("smtp://127.0.0.1:"):
            smtp, page = (int(env[name].rpartition(":")[2]) for name in ("EMAIL_URL", "MAIL_CATCHER_URL"))
            supervisor.start(programs.catcher(smtp_port=smtp, port=page, folder=data / "mail"))
        until = time.monotonic() + READY_S
        while (late := supervisor.waiting_for()) or not _serves(port):
            bell.sleep(0.1)
            supervisor.tend()
            if time.monotonic() > until:
                slow = ", ".join(late) or "web"
                raise StepFailed(f"Not ready after {READY_S:.0f} s: {slow}. Read its log in {supervisor.logs}.")
        outcome.append(f"logs in {_short(supervisor.logs)}")
    # After the pages: on few cores everyone's imports at once would make the first page wait for the last worker.
    embedded = (env.get("BROKER_URL") or "pgmq").startswith("pgmq")
    for queue in programs.QUEUES:
        for worker in programs.workers(queue, embedded=embedded):
            supervisor.start(worker)
    supervisor.start(programs.beat())


def _serves(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
    except urllib.error.HTTPError as answer:
        return answer.code < 500  # it answers; a host it does not know is the proxy's affair
    except OSError:
        return False
    return True


def _welcome(env: dict[str, str], made: set[str], *, port: int, data: Path) -> None:
    if made:
        say(f"\nMade for this firm, shown once, kept in {_short(data / 'keys')}:")
        for name in sorted(name for name in made - {"SECRET_KEY", "LEDGER_KEY"} if env[name]):
            say(f"  {name:<20} {env[name]}")
        say("  sign in as           marketer, marketer2, editor, editor2, officer or admin, with DEMO_PASSWORD")
    if "MAIL_CATCHER_URL" in env:
        say(f"\nmail  {env['MAIL_CATCHER_URL']}")
    say(f"ready http://127.0.0.1:{port}")


def _end(bell: Bell, supervisor: Supervisor | None, database: Postgres | None) -> None:
    rung = bell.rung
    if supervisor and supervisor.running:
        with step("stopping") as outcome:
            outcome.append("a second Ctrl-C ends it at once" if sys.stdout.isatty() else "")
            supervisor.stop(grace_s=GRACE_S, hurry=lambda: bell.rung > max(rung, 1))
    if database:
        database.stop()


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Hold the data folder's lock; the system lets go of it however we end."""
    with open(data / "up.pid", "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise StepFailed(
                f"Already running on {data} (process {lock.read().strip() or 'unknown'}). "
                "Stop that one with Ctrl-C or `make clean`, or start a second firm: make run PORT=9000 DATA=/other/dir"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
