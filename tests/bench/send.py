"""`send`: 20,000 personalised mails from the queue into a mail server in C, every rule of the last gate in place.

Ours is as many workers as `up` starts, each with one connection and one message between its intent and its answer. Two
limits are measured in the same run, in turns with ours: (a) a bare loop that hands finished messages to the same
server over one connection, (b) the same claims, intents and settlements as bare SQL, each intent a durable commit. The
ratio is ours to the slower of both. django-post-office queues and sends as many mails of the same size into the same
server, by the quickest way that it has and as its README begins; `times_post_office` compares queue and hand-over
together with the quicker of the two, and `cpu_us_a_mail` says what each side and its database spent.
"""

import json
import os
import smtplib
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import connection, connections

from campaigns import assembly, runs, wording
from campaigns.models import Message, MessageState, Run, Variant
from campaigns.sending import delivery
from compliance import fence, roles
from compliance.models import Role
from compliance.web import acting
from personalize.start import programs
from tests.bench import _processor
from tests.bench._sink import smtp_sink
from tests.bench.queue import AT, PARTS, campaign_world
from tests.campaigns.world import World

MAILS, PAIRS = 20_000, 5
SHARE, TIMES = 0.7, 5.0
WORKERS = programs.QUEUES["mail"][0]
SENDER = "hello@mail.example"

# The moves of one message in bare SQL, as the gate folds them: the one before is settled with this one's intent.
INTEND = """
with settled as (
    update bare
    set state = 'sent', sent_at = clock_timestamp(), reply = '250 2.0.0 Ok', lease = null, lease_until = null
    where id = %(before)s and lease = %(lease)s
)
update bare set state = 'intent', intent_at = clock_timestamp(), lease_until = clock_timestamp() + interval '90 s'
where id = %(id)s and lease = %(lease)s and state = 'claimed'
"""
CLAIM = """
update bare set state = 'claimed', lease = %(lease)s, lease_until = clock_timestamp() + interval '120 s'
where id in (select id from bare where state = 'pending' and due_at <= %(at)s order by due_at, id
    for update skip locked limit %(limit)s)
returning id
"""


def bench(scale: float = 1.0) -> dict[str, Any]:
    """Median ratio over alternating parts of one run; rates in mails a second."""
    n = max(1_000, int(MAILS * scale))
    with acting("system:bench"), smtp_sink() as port:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        campaign_world(n)
        server = _processor.server()
        fence.arm(by="system:bench", at=AT)
        world = World(AT, *(roles.hire(one, one, "x" * 12) for one in (Role.MARKETER, Role.EDITOR)))
        campaign = world.campaign(parts=PARTS)
        begun, idle = time.perf_counter(), _processor.spent(server)
        run = runs.launch(campaign, by=world.marketer, at=AT)
        for chunk in run.chunks.order_by("number"):
            runs.assemble(chunk.pk, at=AT)
        queue_s, queue_cpu_s = time.perf_counter() - begun, _processor.spent(server) - idle
        peers = {way: _post_office(way, n, port, run) for way in ("bulk", "readme")}
        finished = _bare_copies(run)
        rates: dict[str, list[float]] = {"ours": [], "smtp": [], "sql": []}
        spent: list[float] = []
        each = n // (PAIRS + 1)
        connections.close_all()  # a connection has one process
        with ProcessPoolExecutor(WORKERS, mp_context=get_context("fork")) as workers:
            for _ in range(PAIRS + 1):
                rate, cpu_s = _ours(each, workers, server)
                rates["ours"].append(rate)
                spent.append(cpu_s / each)
                rates["smtp"].append(each / _smtp(port, finished[:each]))
                rates["sql"].append(each / _sql(each))
    kept = {name: found[1:] for name, found in rates.items()}  # the first turn warms everything up
    ratios = [one / min(smtp, sql) for one, smtp, sql in zip(kept["ours"], kept["smtp"], kept["sql"], strict=True)]
    median = {name: statistics.median(found) for name, found in kept.items()}
    ours_s = queue_s + n / median["ours"]
    peer_s = {way: peer["queue_s"] + peer["send_s"] for way, peer in peers.items()}
    times = {way: one / ours_s for way, one in peer_s.items()}
    # What the limits themselves would reach behind the same queue: no rule kept at all, and every move kept.
    floors = {name: round(min(peer_s.values()) / (queue_s + n / median[name]), 1) for name in ("smtp", "sql")}
    cpu = {"ours_queue": queue_cpu_s / n, "ours_send": statistics.median(spent[1:])}
    cpu |= {f"{way}_{part}": peer[f"{part}_cpu_s"] / n for way, peer in peers.items() for part in ("queue", "send")}
    ratio = statistics.median(ratios)
    return {
        "name": "send",
        "ratio": round(ratio, 2),
        "target": SHARE,
        "met": ratio >= SHARE and min(times.values()) >= TIMES,
        "spread": [round(min(ratios), 2), round(max(ratios), 2)],
        "pairs": PAIRS,
        "mails": n,
        **{f"{name}_a_second": round(one) for name, one in median.items()},
        "queue_a_second": round(n / queue_s),
        **{
            f"post_office_{way}_{part}_a_second": round(n / peer[f"{part}_s"])
            for way, peer in peers.items()
            for part in ("queue", "send")
        },
        "cpu_us_a_mail": {name: round(1e6 * one) for name, one in cpu.items()},
        "times_post_office": round(min(times.values()), 1),
        "times_post_office_bulk": round(times["bulk"], 1),
        "times_post_office_readme": round(times["readme"], 1),
        "times_post_office_target": TIMES,
        "limits_times_post_office": floors,
    }


def _ours(n: int, workers: Executor, server: int) -> tuple[float, float]:
    """Mails a second of as many workers as `up` starts, each a process that lives through every turn; processor spent.

    Seconds of the workers and of the database.
    """
    begun, idle = time.perf_counter(), _processor.of(server)
    done = list(workers.map(_work, [n // WORKERS] * WORKERS))
    took, sent = time.perf_counter() - begun, sum(one for one, _ in done)
    assert sent == n // WORKERS * WORKERS, sent
    return sent / took, sum(spent for _, spent in done) + _processor.of(server) - idle


def _work(n: int) -> tuple[int, float]:
    """(mails sent, seconds of processor)."""
    idle = time.process_time()
    with acting("system:bench"):
        done = delivery.send(limit=n, at=AT + timedelta(hours=1), seconds=600)
    assert done.total == done.sent, done
    return done.sent, time.process_time() - idle


def _bare_copies(run: Run) -> list[tuple[str, bytes]]:
    """Finished mails for the bare loop, and a bare table of the same rows for the bare SQL."""
    with connection.cursor() as cursor:
        cursor.execute("create table bare (like campaigns_message including defaults including indexes)")
        cursor.execute("insert into bare select * from campaigns_message where state = 'pending'")
        cursor.execute("analyze")  # as autovacuum does within a minute of a launch
    found = Message.objects.filter(run=run, state=MessageState.PENDING).select_related("variant", "run", "client")
    return [(one.address, assembly.again(one).mime) for one in found[:4_000]]


def _smtp(port: int, finished: list[tuple[str, bytes]]) -> float:
    """Seconds to hand finished mails over, one connection, nothing kept."""
    begun = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as server:
        for address, mime in finished:
            server.sendmail(SENDER, [address], mime)
    return time.perf_counter() - begun


def _sql(n: int) -> float:
    """Seconds for the claims, intents and settlements of n messages as bare SQL."""
    left, before = n, None
    connection.ensure_connection()
    begun = time.perf_counter()
    wire = connection.connection
    while left > 0:
        lease = uuid4()
        claimed = wire.execute(
            CLAIM, {"lease": lease, "at": AT + timedelta(hours=1), "limit": min(delivery.BATCH, left)}
        )
        for (one,) in claimed.fetchall():
            wire.execute(INTEND, {"id": one, "before": before, "lease": lease}, prepare=True)
            before = one
            left -= 1
    return time.perf_counter() - begun


def _post_office(way: str, n: int, port: int, run: Run) -> dict[str, float]:
    """What django-post-office took this way for as many mails of the same size, in a process of its own."""
    variant = Variant.objects.filter(campaign=run.campaign).first()
    assert variant is not None
    sample = wording.parse(variant.html, system=True).sample(escape=wording.as_html).text
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "html").write_text("<p>{{ first_name }}</p>" + sample.replace("{{", "").replace("{%", ""))
        (Path(folder) / "text").write_text(
            "{{ first_name }}\n" + wording.parse(variant.text, system=True).sample().text
        )
        with connection.cursor() as cursor:
            cursor.execute("create database post_office_bench")
        try:
            url = os.environ["DATABASE_URL"].rpartition("/")[0] + "/post_office_bench"
            argv = [sys.executable, "-m", "tests.bench._post_office", way, str(n), str(port), folder]
            done = subprocess.run(
                argv, env={**os.environ, "DATABASE_URL": url}, capture_output=True, text=True, check=False
            )
        finally:
            with connection.cursor() as cursor:
                cursor.execute("drop database post_office_bench with (force)")
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.strip().splitlines()[-1])
