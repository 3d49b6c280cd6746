"""Two worker hosts, each a network namespace with a host name and a disk of its own, and a cable that is pulled.

`unshare -n -m python -m tests.faults.two_hosts --mails 1500 --seed 1`, as root: services stand on this side; each host
has one link to them, its workers and nothing else, but for the file of the sending fence. Once a third of the mails are
gone the second host's link goes down, with whatever its workers held, and comes back when the run has ended. Prints one
JSON line.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from personalize.start.postgres import free_port
from tests import migrated
from tests.bare import clean_environment
from tests.faults.processes import Mail, Workers

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = "10.77.0.1"  # the services' address, the same for every host
HOSTS = (1, 2)
EACH = 2  # workers of a host
LEASES = {"WORK_LEASE_S": "8", "EMAIL_TIMEOUT_S": "4", "SENDING_PLACE": "two hosts"}


def ip(line: str) -> None:
    """One `ip` command."""
    subprocess.run(["ip", *line.split()], check=True)


def connect() -> None:
    """The services' address, and a link to each host; all of it ends with this process's namespaces."""
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)  # where names of namespaces are kept
    ip("link set lo up")
    ip(f"addr add {HERE}/32 dev lo")
    for host in HOSTS:
        ip(f"netns add host{host}")
        ip(f"link add to{host} type veth peer name out netns host{host}")
        ip(f"addr add 10.77.{host}.1/24 dev to{host}")
        ip(f"link set to{host} up")
        ip(f"-n host{host} addr add 10.77.{host}.2/24 dev out")
        ip(f"-n host{host} link set out up")
        ip(f"-n host{host} link set lo up")
        ip(f"-n host{host} route add {HERE}/32 via 10.77.{host}.1")


def workers(host: int, env: dict[str, str], folder: Path) -> Workers:
    """The workers of one host, under its own name and data folder."""
    own = {**env, "DATA": str(folder / f"host{host}")}
    named = ("ip", "netns", "exec", f"host{host}", "unshare", "--uts", "sh", "-c",
             f'hostname worker-host-{host} && exec "$@"', "sh")  # fmt: skip
    return Workers(own, folder / f"host{host}.log", EACH, within=named)


def main() -> int:
    """Run and judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.two_hosts", description=__doc__)
    parser.add_argument("--mails", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=6.0)
    options = parser.parse_args()
    connect()
    folder = Path(tempfile.mkdtemp(prefix="personalize-hosts-", dir="/var/tmp"))
    folder.chmod(0o711)
    server = migrated.server(folder / "postgres", {"listen_addresses": f"127.0.0.1,{HERE}", "max_connections": "60"})
    with (server.data / "pg_hba.conf").open("a") as rules:
        rules.write("host all all 10.77.0.0/16 scram-sha-256\n")
    server.start()
    mail = Mail(free_port(), folder / "mails", options.seed, host=HERE, shares=(0, 0, 0))
    env = {
        **clean_environment(), **LEASES, "DATABASE_URL": server.url(migrated.DATABASE).replace("127.0.0.1", HERE),
        "SECRET_KEY": "hosts" * 12, "DATA": str(folder), "SENDING_FENCE": str(folder / "fence"),
        "LOG_LEVEL": "ERROR", "EMAIL_URL": f"smtp://{HERE}:{mail.port}",
        "DEMO_PASSWORD": "", "BROKER_URL": "", "DJANGO_SETTINGS_MODULE": "personalize.settings", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    hosts = [workers(host, env, folder) for host in HOSTS]
    try:
        subprocess.run(
            [sys.executable, "manage.py", "prepare"], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL
        )
        os.environ.update(env)
        import django

        django.setup()
        told = _run(hosts, mail, options)
    finally:
        for one in hosts:
            one.kill()
        mail.kill()
        server.remove()
        logs = "".join(one.log.read_text()[-2000:] for one in hosts if one.log.exists())
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(told))
    if told["faults_found"]:
        print(logs, file=sys.stderr)
    return 1 if told["faults_found"] else 0


def _run(hosts: list[Workers], mail: Mail, options: argparse.Namespace) -> dict[str, Any]:
    from campaigns import runs
    from campaigns.models import RunState
    from compliance.web import acting
    from tests.faults.chaos import launched, wake_up
    from tests.faults.judge import judge, notes

    with acting("system:test"):
        run = launched(options.mails)
    mail.start()
    for one in hosts:
        one.start()
    ends, uneven, seen, cut_at = time.monotonic() + options.minutes * 60, 0, set(), 0
    while time.monotonic() < ends:
        wake_up()
        counts = runs.counts(run.pk)
        uneven += not counts.adds_up
        seen |= _connected()
        if not cut_at and counts.sent > counts.audience // 3:
            ip("link set to2 down")
            cut_at = counts.sent
        run.refresh_from_db()
        if run.state == RunState.FINISHED:
            break
        time.sleep(0.3)
    ip("link set to2 up")
    time.sleep(2)
    with acting("system:test"):
        verdict = judge(run, mail.notes, opted_out={}, uneven=uneven, may_be_in_doubt=EACH)
    by_host = [sum(who == f"10.77.{host}.2" for who in _peers(mail.notes)) for host in HOSTS]
    return {
        "mails": options.mails, "taken": len(notes(mail.notes)), "by_host": by_host, "cut_at": cut_at,
        "hosts_connected": sorted(seen), "in_doubt": verdict.in_doubt, "counts": verdict.counts,
        "faults_found": verdict.faults,
    }  # fmt: skip


def _connected() -> set[str]:
    """Which hosts speak to the database now."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select host(client_addr) from pg_stat_activity where client_addr << '10.77.0.0/16'")
        return {address for (address,) in cursor.fetchall()} - {HERE}


def _peers(file: Path) -> list[str]:
    """From which host each mail came, as the mail server saw it."""
    return file.with_suffix(".peers").read_text().split()


if __name__ == "__main__":
    sys.exit(main())
