"""`ingest`: batches of a hundred events kept by ours, against a plain Django handler that keeps the same rows.

Both sides get the same bodies, know the clients already, and write the same table in a transaction a batch, in turns.
The plain handler does what a careful Django developer writes: json, one query for known ids, one for the clients,
`bulk_create`. Time is the CPU of this process, which neighbours on the machine disturb least. The rows of both must be
equal. A narrow COPY of the same rows is measured too, as the limit of the disk.
"""

import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from compliance.models import Client
from personalize import events, ingest, sources
from personalize.bulk import events as rows
from personalize.models import Event, Source
from tests.bench import population

TARGET = 4.0
PAIRS = 5
BATCH = 100
CLIENTS = 500
AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def bench(scale: float = 1.0) -> dict[str, Any]:
    """The median ratio of the handler's CPU time (plain / ours) over alternating pairs, with its spread."""
    population.add(CLIENTS, prefix="ingest", at=AT)
    mine = sources.add("ours", "Ours", write_key="ours", at=AT)
    plain = sources.add("plain", "Plain", write_key="plain", at=AT)
    batches = max(3, int(100 * scale))
    ratios, ours, theirs, floors = [], [], [], []
    for turn in range(PAIRS + 1):
        bodies = [_body(turn, number) for number in range(batches)]
        theirs.append(_seconds(lambda body: _plain(plain, body), bodies))
        ours.append(_seconds(lambda body: _ours(mine, body), bodies))
        floors.append(_floor(mine, turn))
        ratios.append(theirs[-1] / ours[-1])
    _same(mine, plain)
    each = 1e6 / (batches * BATCH)
    kept = slice(1, None)  # the first turn warms both up
    return {
        "name": "ingest",
        "ratio": round(statistics.median(ratios[kept]), 1),
        "target": TARGET,
        "met": statistics.median(ratios[kept]) >= TARGET,
        "spread": [round(min(ratios[kept]), 1), round(max(ratios[kept]), 1)],
        "pairs": PAIRS,
        "plain_us": round(statistics.median(theirs[kept]) * each, 1),
        "ours_us": round(statistics.median(ours[kept]) * each, 1),
        "copy_us": round(statistics.median(floors[kept]) * each, 1),
        "times_copy": round(statistics.median(ours[kept]) / statistics.median(floors[kept]), 1),
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


def _ours(source: Source, body: bytes) -> None:
    parsed = ingest.parse(body, {}, kind=None, at=AT)
    events.ingest(source, parsed.items, at=AT, rejected=parsed.rejected)


def _plain(source: Source, body: bytes) -> None:
    calls = json.loads(body)["batch"]
    with transaction.atomic():
        ids = [one["messageId"] for one in calls]
        known = set(Event.objects.filter(source=source, message_id__in=ids).values_list("message_id", flat=True))
        users = {one["userId"] for one in calls}
        clients = dict(Client.objects.filter(user_id__in=users).values_list("user_id", "pk"))
        Event.objects.bulk_create(
            Event(
                source=source,
                message_id=one["messageId"],
                client_id=clients[one["userId"]],
                type=one["type"],
                name=one["event"],
                properties=one["properties"],
                context=one["context"],
                occurred_at=datetime.fromisoformat(one["timestamp"]),
                received_at=AT,
            )
            for one in calls
            if one["messageId"] not in known
        )


def _floor(source: Source, turn: int) -> float:
    """CPU seconds for one COPY of this turn's rows into a bare table, nothing looked up, nothing indexed."""
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


def _seconds(keep: Callable[[bytes], None], bodies: list[bytes]) -> float:
    begun = time.process_time()
    for body in bodies:
        keep(body)
    return time.process_time() - begun


def _same(mine: Source, plain: Source) -> None:
    """Both kept the same events; a faster side that keeps less proves nothing."""
    columns = ("message_id", "client_id", "type", "name", "properties", "occurred_at", "received_at")
    ours, theirs = (
        list(Event.objects.filter(source=source).order_by("message_id").values(*columns)) for source in (mine, plain)
    )
    assert ours == theirs
