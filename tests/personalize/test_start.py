"""Starting: the database launcher, the supervisor, and the whole of `manage.py up` from outside."""

import concurrent.futures
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from personalize.start import environment, keys
from personalize.start.postgres import THROWAWAY, Postgres, free_port
from personalize.start.processes import Process, Supervisor
from tests import firm
from tests.bare import clean_environment


@pytest.fixture
def folder() -> Iterator[Path]:
    made = firm.new_folder()
    yield made
    firm.remove(made)


def alive(text: str) -> list[str]:
    """Command lines of processes that name `text`, zombies left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if text in line:
                found.append(line)
    return found


def ask(url: str, sql: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(sql).fetchone()
        return row[0] if row else None


# -- the database ------------------------------------------------------------------------------
def test_a_server_keeps_its_rows_port_and_password_over_a_restart(folder: Path) -> None:
    server = Postgres(folder / "data" / "postgres", THROWAWAY)
    url = server.start()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table kept as select 42 as answer")
    server.stop()
    stopped = server.running()

    again = Postgres(folder / "data" / "postgres", THROWAWAY).start()

    assert (stopped, again, ask(again, "select answer from kept")) == (False, url, 42)


def test_a_server_listens_to_this_machine_alone_and_wants_a_password(folder: Path) -> None:
    server = Postgres(folder / "data" / "postgres", THROWAWAY)
    url = server.start()

    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url.replace(server.password_file.read_text(), "wrong"))

    assert ask(url, "show listen_addresses") == "127.0.0.1"
    assert ask(url, "show unix_socket_directories") == ""
    assert ask(url, "select count(*) from pg_hba_file_rules where auth_method <> 'scram-sha-256'") == 0
    assert stat.S_IMODE(server.password_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.home.stat().st_mode) == 0o700


def test_four_starts_at_once_make_one_server(folder: Path) -> None:
    home = folder / "data" / "postgres"
    home.parent.mkdir(mode=0o711)
    Postgres(home, THROWAWAY)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        urls = list(pool.map(lambda _: Postgres(home, THROWAWAY).start(), range(4)))

    assert len(set(urls)) == 1
    assert ask(urls[0], "select 1") == 1


def test_a_killed_server_starts_again_with_its_rows(folder: Path) -> None:
    server = Postgres(folder / "data" / "postgres")
    url = server.start()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table kept as select 42 as answer")
    os.kill(int((server.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    again = server.start()

    assert ask(again, "select answer from kept") == 42


def test_a_taken_port_is_given_up(folder: Path) -> None:
    server = Postgres(folder / "data" / "postgres", THROWAWAY)
    server.start()
    server.stop()
    port = int(server.port_file.read_text())

    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        url = server.start()

    assert f":{port}/" not in url
    assert ask(url, "select 1") == 1


# -- keys --------------------------------------------------------------------------------------
def test_keys_are_made_once_kept_private_and_yield_to_what_is_given(tmp_path: Path) -> None:
    first, made = keys.settle(tmp_path / "keys", {})
    second, made_again = keys.settle(tmp_path / "keys", {"DEMO_PASSWORD": "mine"})

    assert made == set(keys.NAMES)
    assert made_again == set()
    assert second == {**first, "DEMO_PASSWORD": "mine"}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o600


def test_a_command_without_a_firm_says_what_to_do(tmp_path: Path) -> None:
    env = {**clean_environment(), "DATA": str(tmp_path)}

    refused = subprocess.run(
        [sys.executable, "manage.py", "showmigrations"],
        cwd=environment.ROOT, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert refused.returncode == 2
    assert refused.stderr.startswith(f"No database: nothing was started in {tmp_path}. Run `make run` first")


# -- the supervisor ----------------------------------------------------------------------------
@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    made = Supervisor(logs=tmp_path / "logs", env=dict(os.environ), say=said.append)
    yield made
    made.stop(grace_s=0)


def python(program: str, name: str = "one", **more: object) -> Process:
    return Process(name, (sys.executable, "-u", "-c", program), **more)  # type: ignore[arg-type]


def tend_until(supervisor: Supervisor, true, seconds: float = 15) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        supervisor.tend()
        time.sleep(0.02)


def test_a_crashed_process_is_said_and_started_again(supervisor: Supervisor, said: list[str]) -> None:
    supervisor.start(python("raise SystemExit(3)"))

    tend_until(supervisor, lambda: len(said) >= 3)

    log = supervisor.log("one")
    assert said[:3] == [
        f"one stopped (exit code 3); again in 0.5 s; see {log}",
        "one started again",
        f"one stopped (exit code 3); again in 1 s; see {log}",
    ]


def test_a_process_is_awaited_until_its_log_says_so(supervisor: Supervisor) -> None:
    supervisor.log("one").write_text("ready\n")  # of an earlier run
    supervisor.start(python("import time; time.sleep(.5); print('ready'); time.sleep(60)", ready="ready"))
    early = supervisor.waiting_for()

    tend_until(supervisor, lambda: supervisor.waiting_for() == [])

    assert early == ["one"]


def test_stopping_ends_children_that_ignore_their_leader(supervisor: Supervisor, tmp_path: Path) -> None:
    mark = f"stubborn-{os.getpid()}"
    program = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60) # {mark}'])\n"
        "print('ready'); time.sleep(60)"
    )
    supervisor.start(python(program, ready="ready"))
    tend_until(supervisor, lambda: supervisor.waiting_for() == [])

    supervisor.stop(grace_s=0.2)

    time.sleep(0.2)
    assert alive(mark) == []


def test_a_polite_process_is_let_finish(supervisor: Supervisor, tmp_path: Path) -> None:
    done = tmp_path / "done"
    program = (
        "import pathlib, signal, sys, time\n"
        f"def bye(*_): time.sleep(.3); pathlib.Path({str(done)!r}).touch(); sys.exit()\n"
        "signal.signal(signal.SIGTERM, bye); print('ready'); time.sleep(60)"
    )
    supervisor.start(python(program, ready="ready"))
    tend_until(supervisor, lambda: supervisor.waiting_for() == [])

    supervisor.stop(grace_s=10)

    assert done.exists()


# -- the whole ---------------------------------------------------------------------------------
@pytest.mark.fault
@pytest.mark.xdist_group("firm")
def test_up_serves_restarts_the_fallen_and_says_when_taken(firm_process: firm.Firm) -> None:
    running = firm_process
    text = urllib.request.urlopen(f"{running.url}/healthz").read()
    ready = urllib.request.urlopen(f"{running.url}/readyz").status

    second = subprocess.run(
        [sys.executable, "manage.py", "up", "--port", str(free_port()), "--data", str(running.data)],
        cwd=environment.ROOT, env=clean_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    beat = next(pid for pid in children(running) if b"celery.beat.Scheduler" in _line(pid))
    os.kill(int(beat), signal.SIGKILL)
    until = time.monotonic() + 20
    while "beat started again" not in running.said() and time.monotonic() < until:
        time.sleep(0.1)

    assert (text, ready, second.returncode) == (b"ok\n", 200, 1)
    assert second.stdout.startswith(f"\nAlready running on {running.data} (process {running.process.pid})")
    assert "beat stopped (signal SIGKILL); again in 0.5 s" in running.said()
    assert "beat started again" in running.said()


@pytest.mark.fault
@pytest.mark.xdist_group("firm")
def test_killed_with_nine_it_takes_all_but_the_database_with_it_and_stopped_it_leaves_nothing(
    firm_process: firm.Firm,
) -> None:
    killed = children(firm_process)

    firm_process.process.kill()
    firm_process.process.wait()

    until = time.monotonic() + 30
    while any(_lives(pid) for pid in killed) and time.monotonic() < until:
        time.sleep(0.1)
    left = [pid for pid in killed if _lives(pid)]
    again = firm.start(firm_process.data, port=free_port(), bare=True)
    stopped = children(again)
    code = firm.stop(again)
    assert (left, code) == ([], 0)
    assert alive(str(firm_process.data)) == []
    assert stopped
    assert not any(Path(f"/proc/{pid}").exists() for pid in stopped)


@pytest.mark.fault
@pytest.mark.xdist_group("firm")
def test_a_bare_start_in_an_empty_folder_makes_an_empty_firm_and_stopped_it_leaves_nothing(folder: Path) -> None:
    running = firm.start(folder, port=free_port(), bare=True)
    clients = ask(running.env["DATABASE_URL"], "select count(*) from compliance_client")
    beat = next(pid for pid in children(running) if b"celery.beat.Scheduler" in _line(pid))
    os.kill(int(beat), signal.SIGKILL)
    until = time.monotonic() + 20
    while "beat started again" not in running.said() and time.monotonic() < until:
        time.sleep(0.1)

    stopped = children(running)
    code = firm.stop(running)

    assert (clients, code) == (0, 0)
    assert "beat started again" in running.said()
    assert alive(str(folder)) == []
    assert not any(Path(f"/proc/{pid}").exists() for pid in stopped)


def children(running: firm.Firm) -> list[str]:
    """The processes that `up` started."""
    return Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text().split()


def _line(pid: str) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _lives(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.fault
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can put a folder where the database's user may not go")
def test_root_runs_the_database_as_nobody_even_from_a_private_folder() -> None:
    private = Path("/root" if Path("/root").is_dir() else "/var/root") / f"personalize-test-{os.getpid()}"
    private.mkdir(mode=0o700)
    try:
        server = Postgres(private / "postgres", THROWAWAY)
        pid = ask(server.start(), "select pg_backend_pid()")
        owner = (server.data / "postmaster.pid").stat().st_uid
        server.remove()
    finally:
        shutil.rmtree(private)

    assert pid
    assert owner != 0
    assert not server.home.exists()
