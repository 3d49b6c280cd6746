"""`make chaos`: a long run under random faults, on a firm of its own, judged by what the mail server really took.

`python -m tests.faults.chaos --mails 100000 --faults 200 --seed 1`: real PostgreSQL with durable settings, real Celery
workers, a mail server in a process of its own. Faults: -9 to a worker or to all of them, a database
connection killed, the database stopped at once and started again, the broker emptied, mail connections cut and the mail
server away for a moment, a worker stopped beyond its lease, connections dropped before and after a mail was taken, 451
after the dot. Clients opt out all the while. Prints one JSON line; exit code 1 when something did not hold.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from personalize.start.postgres import Postgres, free_port
from tests import migrated
from tests.bare import clean_environment
from tests.faults.processes import Mail, Workers

ROOT = Path(__file__).resolve().parent.parent.parent
# How many in a hundred faults are of each kind, about as in delivery's own programme.
KINDS = {"worker": 52, "all": 12, "backend": 6, "postgres": 6, "broker": 6, "mail": 12, "pause": 6}
LEASES = {"WORK_LEASE_S": "8", "EMAIL_TIMEOUT_S": "4"}  # a fault's end is awaited for that long
WORKERS = 3


@dataclass
class Chaos:
    """One run and everything that may break under it."""

    server: Postgres
    mail: Mail
    workers: Workers
    dice: random.Random
    kinds: dict[str, int] = field(default_factory=lambda: dict(KINDS))
    done: Counter[str] = field(default_factory=Counter)
    opted_out: dict[int, datetime] = field(default_factory=dict)
    paused: list[tuple[float, int]] = field(default_factory=list)

    def break_something(self) -> None:
        """One fault of a kind drawn by its weight."""
        kind = self.dice.choices(list(self.kinds), list(self.kinds.values()))[0]
        fault: Callable[[], None] = getattr(self, f"_{kind}")
        fault()
        self.done[kind] += 1

    def tend(self) -> None:
        """Start again what is down, wake what was stopped."""
        self.workers.start()
        for until, pid in [one for one in self.paused if one[0] < time.monotonic()]:
            self.paused.remove((until, pid))
            _signal(pid, signal.SIGCONT)

    def may_be_in_doubt(self) -> int:
        """One for each killed worker or connection; as many as there are workers for what hits all of them."""
        one_each = self.done["worker"] + self.done["pause"] + self.done["backend"]
        return one_each + WORKERS * sum(self.done[one] for one in ("all", "postgres", "mail"))

    def _worker(self) -> None:
        _signal(self.dice.choice(self.workers.running).pid, signal.SIGKILL)

    def _all(self) -> None:
        self.workers.kill()

    def _pause(self) -> None:
        pid = self.dice.choice(self.workers.running).pid
        _signal(pid, signal.SIGSTOP)
        self.paused.append((time.monotonic() + 9, pid))

    def _backend(self) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() "
                "and application_name = 'personalize' order by random() limit 1"
            )

    def _postgres(self) -> None:
        from django.db import connections

        connections.close_all()
        self.server.stop(how="immediate")
        self.server.start()

    def _broker(self) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("select pgmq.purge_queue(queue_name) from pgmq.list_queues()")

    def _mail(self) -> None:
        self.mail.kill()
        time.sleep(self.dice.uniform(0.0, 1.0))
        self.mail.start()


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):  # it may have ended by itself
        os.kill(pid, number)


def main() -> int:
    """Run and judge."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--mails", type=int, default=100_000)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default="", help="only these kinds of faults, by commas")
    parser.add_argument("--minutes", type=float, default=90.0)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="personalize-chaos-", dir="/var/tmp"))
    folder.chmod(0o711)
    server = migrated.server(folder / "postgres", {"max_connections": "60"})
    server.start()
    mail = Mail(free_port(), folder / "mails", options.seed)
    env = {
        **clean_environment(), **LEASES, "DATABASE_URL": server.url(migrated.DATABASE), "SECRET_KEY": "chaos" * 12,
        "DATA": str(folder),
        "LOG_LEVEL": "ERROR", "EMAIL_URL": f"smtp://127.0.0.1:{mail.port}", "DEMO_PASSWORD": "", "BROKER_URL": "",
        "DJANGO_SETTINGS_MODULE": "personalize.settings", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    workers = Workers(env, folder / "worker.log", WORKERS)
    try:
        subprocess.run(
            [sys.executable, "manage.py", "prepare"], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL
        )
        os.environ.update(env)
        import django

        django.setup()
        kinds = {name: n for name, n in KINDS.items() if name in (options.kinds.split(",") if options.kinds else KINDS)}
        chaos = Chaos(server, mail, workers, random.Random(options.seed), kinds)
        told = _run(chaos, options)
    finally:
        workers.kill()
        mail.kill()
        server.remove()
        log = workers.log.read_text()[-3000:] if workers.log.exists() else ""
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(told))
    if told["faults_found"]:
        print(log, file=sys.stderr)
    return 1 if told["faults_found"] else 0


def _run(chaos: Chaos, options: argparse.Namespace) -> dict[str, object]:
    from django.db import DatabaseError, InterfaceError, connections
    from django.utils.timezone import now

    from campaigns import runs
    from campaigns.models import RunState
    from compliance.web import acting
    from tests.faults.judge import judge

    with acting("system:chaos"):
        run = launched(options.mails)
    chaos.mail.start()
    chaos.workers.start()
    clients = list(run.chunks.values_list("client_ids", flat=True))
    going = [one for chunk in clients for one in chunk]
    chaos.dice.shuffle(going)
    leaving = going[: len(going) // 50]
    begun, uneven, said, next_fault, next_wake = time.monotonic(), 0, 0.05, 0.0, 0.0
    ends = begun + options.minutes * 60
    while time.monotonic() < ends:
        chaos.tend()
        try:
            if time.monotonic() >= next_wake:
                next_wake = time.monotonic() + 1.0
                wake_up()
            counts = runs.counts(run.pk)
            uneven += not counts.adds_up
            gone = 1 - counts.pending / counts.audience
            if gone >= said:
                print(f"{gone:4.0%} gone, {sum(chaos.done.values())} faults", file=sys.stderr, flush=True)
                said = gone + 0.05
            wanted = int(gone * options.faults) + 1  # the last of them before the last mail
            if gone > 0.02 and sum(chaos.done.values()) < wanted and time.monotonic() >= next_fault:
                next_fault = time.monotonic() + 0.2
                chaos.break_something()
            if leaving and gone > 0.01:
                with acting("system:chaos"):
                    for _ in range(min(len(leaving), 1 + len(leaving) // 50)):
                        chaos.opted_out.update(_opt_out(leaving.pop()))
            run.refresh_from_db()
            if run.state == RunState.FINISHED:
                break
        except (DatabaseError, InterfaceError):
            connections.close_all()
            time.sleep(0.2)  # it is being restarted
        time.sleep(0.1 + options.mails / 200_000)  # counting a hundred thousand rows costs, too
    seconds = time.monotonic() - begun
    with acting("system:chaos"):
        verdict = judge(run, chaos.mail.notes, opted_out=chaos.opted_out, uneven=uneven,
                        may_be_in_doubt=chaos.may_be_in_doubt() + _cut(chaos.mail.notes))  # fmt: skip
    return {
        "mails": options.mails, "seed": options.seed, "seconds": round(seconds), "faults": dict(chaos.done),
        "opted_out": len(chaos.opted_out), "in_doubt": verdict.in_doubt, "may_be_in_doubt": verdict.may_be_in_doubt,
        "counts": verdict.counts, "faults_found": verdict.faults, "at": now().isoformat(timespec="seconds"),
    }  # fmt: skip


def _cut(notes_file: Path) -> int:
    """Connections the mail server cut by itself, each of which leaves one message in doubt: a bound from its shares."""
    from tests.faults.judge import notes

    return sum(deed == "taken-unsaid" for *_, deed in notes(notes_file)) * 2 + 10


def launched(n: int):
    from django.utils.timezone import now

    from campaigns import runs, tasks
    from compliance import roles
    from compliance.copyrules import shipped
    from compliance.models import Role, Topic
    from personalize import features
    from tests.bench import population
    from tests.campaigns.world import World

    at = now()
    if not Topic.objects.exists():
        shipped.ensure()
    features.ensure_core(at)
    roles.ensure()
    world = World(at, *(roles.hire(one, one, "x" * 12) for one in (Role.MARKETER, Role.EDITOR)))
    campaign = world.campaign(share_control=0.2)
    population.add(n, prefix="chaos", at=at)
    run = runs.launch(campaign, by=world.marketer, at=at)
    tasks.kick(run.pk)
    return run


def wake_up() -> None:
    from campaigns import tasks
    from compliance.web import acting
    from personalize import wake

    with acting("system:chaos"):
        wake.soon(tasks.sweep_runs)
        for _ in range(WORKERS):
            wake.soon(tasks.sweep)


def _opt_out(client: int) -> dict[int, datetime]:
    """Withdraw, and say a moment that is not before the commit."""
    from django.utils.timezone import now

    from compliance import consent

    consent.withdraw(client, purpose="marketing", channel="email", surface="portal", mechanism="button",
                     by=f"client:{client}", at=now())  # fmt: skip
    return {client: now()}


if __name__ == "__main__":
    sys.exit(main())
