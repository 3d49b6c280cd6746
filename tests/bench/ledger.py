"""`ledger`: what recording costs a write, and how fast the ledger is sealed and verified, against what it stands on.

Recording: a bulk update of 8,000 rows of a recorded table, in a session that updated one row first (where triggers that
join their transition tables take minutes), as a multiple of the same on a bare table; the bar is 10. Verifying: CPU
seconds of both processes for a million entries, bar 30, and as a multiple of reading the same rows by COPY and hashing
them once.
"""

import hashlib
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.utils.timezone import now

from compliance import ledger, merkle

EVENTS, ROWS, PAIRS = 1_000_000, 8_000, 10
MOST_TIMES, BAR_S, MOST_GROWTH_MB = 10.0, 30.0, 64
TABLES = """
create table bench_bare (id bigint primary key, client_id bigint, name text, amount numeric, changed timestamptz);
create table bench_kept (like bench_bare including all);
select compliance_keep_images_of('bench_kept', 'id', '{}');
"""
FILL = """
insert into {table} select n, n % 1000, 'row ' || n, n / 7.0, now()
from generate_series({first}, {first} + {many} - 1) n
"""
CHANGE = "update {table} set name = name || '.', changed = now() where id <= {many}"


def bench(scale: float = 1.0) -> dict[str, Any]:
    """The backend's CPU of all pairs together (walls of a busy machine tell nothing), and the rates."""
    events = max(20_000, int(EVENTS * scale))
    sql(TABLES)
    inserted = [pair(FILL, first=1 + n * ROWS, many=ROWS) for n in range(PAIRS)]
    for table in ("bench_bare", "bench_kept"):
        sql(CHANGE.format(table=table, many=1))  # the plan of a one-row update is in this session's cache now
    updated = [pair(CHANGE, many=ROWS) for _ in range(PAIRS)]
    written = filled(events)
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sealed, seal_s = timed(seal_all)
    verdict, verify_s = timed(ledger.verify)
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) // 1024
    _, floor_s = timed(copied_and_hashed)
    million = verify_s / sealed * 1_000_000
    times = cpu(updated, 1) / cpu(updated, 0)
    return {
        "name": "ledger",
        "ratio": round(times, 2),
        "target": MOST_TIMES,
        "met": times <= MOST_TIMES and million < BAR_S and growth <= MOST_GROWTH_MB and verdict.sound,
        "spread": [round(one, 2) for one in sorted(kept / bare for bare, kept in updated)[:: PAIRS - 1]],
        "insert_times_bare": round(cpu(inserted, 1) / cpu(inserted, 0), 2),
        "update_times_bare": round(times, 2),
        "recorded_a_second": round(written),
        "events": sealed,
        "sealed_a_second": round(sealed / seal_s),
        "seal_times_hashing": round(seal_s / hashing(sealed), 1),
        "verified_a_second": round(sealed / verify_s),
        "verify_million_seconds": round(million, 1),
        "verify_times_copy_and_hash": round(verify_s / floor_s, 1),
        "growth_mb": growth,
    }


def sql(text: str) -> None:
    """Run one statement, committed."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(text)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """A call's answer and the CPU seconds that this process and its backend spent on it."""
    backend, mine = stat(), time.process_time()
    before = ticks(backend)
    answer = work()
    return answer, time.process_time() - mine + (ticks(backend) - before) / os.sysconf("SC_CLK_TCK")


def pair(statement: str, **values: Any) -> tuple[float, float]:
    """CPU seconds of a statement on the bare and on the recorded table."""
    bare, kept = (worked(statement.format(table=table, **values)) for table in ("bench_bare", "bench_kept"))
    return bare, kept


def worked(statement: str) -> float:
    """CPU seconds that our backend spent on a statement."""
    backend = stat()
    before = ticks(backend)
    sql(statement)
    return max(1, ticks(backend) - before) / os.sysconf("SC_CLK_TCK")


def stat() -> Path:
    """Where the system tells what our backend has spent."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        return Path(f"/proc/{cursor.fetchone()[0]}/stat")


def ticks(process: Path) -> int:
    """User and system time of a process, in clock ticks."""
    fields = process.read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def cpu(pairs: list[tuple[float, float]], side: int) -> float:
    """The sum of one side of all pairs."""
    return sum(one[side] for one in pairs)


def filled(events: int) -> float:
    """Bring the ledger to so many entries; entries a second."""
    first, begun, at_once = 1_000_000, time.perf_counter(), 20_000
    for start in range(first, first + events, at_once):
        sql(FILL.format(table="bench_kept", first=start, many=at_once))
    return events / (time.perf_counter() - begun)


def seal_all() -> int:
    """Seal until nothing is left; the size of the tree."""
    size = 0
    while head := ledger.seal(at=now()):
        size = head.size
    return size


def copied_and_hashed() -> None:
    """The floor of verifying: the rows out of the database, each hashed once."""
    with connection.cursor() as cursor, cursor.copy("copy compliance_ledgerentry to stdout") as copy:
        for part in copy:
            hashlib.sha256(part).digest()


def hashing(events: int) -> float:
    """The floor of sealing: a leaf and a node for each entry."""
    one = hashlib.sha256(b"x").digest()
    begun = time.process_time()
    for _ in range(events):
        merkle.node(merkle.leaf(one), one)
    return time.process_time() - begun
