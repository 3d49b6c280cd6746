"""`ingest`: batches of a hundred events over HTTP, ours against a plain Django handler that keeps the same rows.

Both are served by the same Granian process on the same database, take the same bodies in turns, know the clients
already, refuse repeats, and answer once the rows are durable. What is compared is CPU time, PostgreSQL's included: what
neighbours on the machine disturb least. The rows that both kept must be equal. A COPY of the same rows into a
bare table is measured too, as the limit of the disk.
"""

import base64
import json
import statistics
import time
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any

from django.db import connection, transaction

from personalize import sources
from personalize.bulk import events as rows
from personalize.models import Event, Source
from tests.bench import population
from tests.bench._server import Server, serving

TARGET, MOST_US = 4.0, 35.0
PAIRS = 5
BATCH = 100
CLIENTS = 500
AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def bench(scale: float = 1.0) -> dict[str, Any]:
    """The median ratio of CPU time (plain / ours) over alternating pairs, with its spread; ours_us an event."""
    population.add(CLIENTS, prefix="ingest", at=AT)
    mine = sources.add("ours", "Ours", write_key="ours", at=AT)
    plain = sources.add("plain", "Plain", write_key="plain", at=AT)
    batches = max(10, int(150 * scale))
    ratios, ours, theirs, floors = [], [], [], []
    with serving("tests.bench._plain") as server:
        for turn in range(PAIRS + 1):
            bodies = [_body(turn, number) for number in range(batches)]
            theirs.append(_cpu(server, "/plain/v1/batch", "plain", bodies))
            ours.append(_cpu(server, "/v1/batch", "ours", bodies))
            floors.append(_floor(mine, turn))
            ratios.append(theirs[-1] / ours[-1])
        repeats = _cpu(server, "/v1/batch", "ours", bodies)
    _same(mine, plain)
    each = 1e6 / (batches * BATCH)
    kept = slice(1, None)  # the first turn warms both up
    ratio, us = statistics.median(ratios[kept]), statistics.median(ours[kept]) * each
    return {
        "name": "ingest",
        "ratio": round(ratio, 1),
        "target": TARGET,
        "met": ratio >= TARGET and us <= MOST_US,
        "spread": [round(min(ratios[kept]), 1), round(max(ratios[kept]), 1)],
        "pairs": PAIRS,
        "ours_us": round(us, 1),
        "most_us": MOST_US,
        "plain_us": round(statistics.median(theirs[kept]) * each, 1),
        "repeats_us": round(repeats * each, 1),
        "copy_us": round(statistics.median(floors[kept]) * each, 1),
        "events": batches * BATCH,
    }


def _body(turn: int, number: int) -> bytes:
    calls = [
        {
            "type": "track",
            "event": "Article Read",
            "messageId": f"m-{turn}-{number}-{position}",
            "userId": f"ingest{1 + (number * BATCH + position) % CLIENTS}",
            "timestamp": (AT - timedelta(minutes=position)).isoformat().replace("+00:00", "Z"),
            "properties": {"topic": "risk", "seconds": position, "device": "phone"},
            "context": {"library": {"name": "bench", "version": "1"}},
        }
        for position in range(BATCH)
    ]
    return json.dumps({"batch": calls}).encode()


def _cpu(server: Server, address: str, key: str, bodies: list[bytes]) -> float:
    """CPU seconds of the server and PostgreSQL for these bodies, sent one after another."""
    signed = {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode(),
              "Content-Type": "application/json"}  # fmt: skip
    asked = server.connect()
    begun = server.cpu()
    for body in bodies:
        _post(asked, address, body, signed)
    return server.cpu() - begun


def _post(asked: HTTPConnection, address: str, body: bytes, headers: dict[str, str]) -> None:
    asked.request("POST", address, body, headers)
    answer = asked.getresponse()
    said = answer.read()
    assert answer.status == 200, said


def _floor(source: Source, turn: int) -> float:
    """CPU seconds of this process for one COPY of this turn's rows into a bare table: no look-up, no index."""
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute(
            "create temporary table bare on commit drop as select message_id, client_id, type, name, "
            "properties, context, occurred_at, received_at from personalize_event limit 0"
        )
        cursor.execute(
            "select message_id, client_id, type, name, properties::text, context::text, occurred_at, received_at "
            "from personalize_event where source_id = %s and message_id like %s",
            (source.pk, f"m-{turn}-%"),
        )
        made = cursor.fetchall()
        begun = time.process_time()
        with rows.cursor().copy(
            "copy bare (message_id, client_id, type, name, properties, context, occurred_at, received_at) from stdin"
        ) as copy:
            for row in made:
                copy.write_row(row)
        return time.process_time() - begun


def _same(mine: Source, plain: Source) -> None:
    """Both kept the same events; a faster side that keeps less proves nothing."""
    columns = ("message_id", "client_id", "type", "name", "properties", "context", "occurred_at")
    ours, theirs = (
        list(Event.objects.filter(source=source).order_by("message_id").values(*columns)) for source in (mine, plain)
    )
    assert ours == theirs
    assert ours
