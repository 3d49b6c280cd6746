"""`queue`: 20,000 clients decided, assembled and queued by one worker, and what a bare COPY of the same rows takes.

The bar is a minute on two cores with flat memory; `ratio` is how many times faster than that it was. The rows are the
real ones: consent asked, blocks chosen, mail rendered and hashed, the ledger's triggers and every index in place.
"""

import io
import resource
import time
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

from campaigns import runs
from campaigns.models import Run
from compliance import roles
from compliance.models import Role
from compliance.web import acting
from personalize import features, profiles
from tests.bench import population
from tests.campaigns.world import World

CLIENTS, BAR_S, MOST_GROWTH_MB = 20_000, 60.0, 32
PARTS = (
    ("hello", True), ("hello-goal", False), ("calm", False), ("bold", False), ("plain", True), ("read", True),
)  # fmt: skip
AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def bench(scale: float = 1.0) -> dict[str, Any]:
    """Seconds from the launch to the last queued message, as a share of the bar; and the COPY of the same rows."""
    n = max(2_000, int(CLIENTS * scale))
    with acting("system:bench"):
        campaign_world(n)
        world = World(AT, *(roles.hire(one, one, "x" * 12) for one in (Role.MARKETER, Role.EDITOR)))
        campaign = world.campaign(parts=PARTS, share_control=0.2, share_holdout=0.05)
        begun = time.perf_counter()
        run = runs.launch(campaign, by=world.marketer, at=AT)
        memory = []
        for chunk_id in run.chunks.order_by("number").values_list("pk", flat=True):
            runs.assemble(chunk_id, at=AT)
            memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        seconds = time.perf_counter() - begun
        floor, size = copied(run)
    counts = runs.counts(run.pk)
    growth, bar = memory[-1] - memory[0], BAR_S * n / CLIENTS
    return {
        "name": "queue",
        "ratio": round(bar / seconds, 2),
        "target": 1.0,
        "met": seconds < bar and growth <= MOST_GROWTH_MB and counts.adds_up and counts.audience == n,
        "spread": [round(bar / seconds, 2), round(bar / seconds, 2)],
        "clients": n,
        "queue_seconds": round(seconds, 2),
        "a_second": round(n / seconds),
        "times_copy": round(seconds / floor, 1),
        "copy_seconds": round(floor, 2),
        "row_bytes": round(size / n),
        "growth_mb": growth,
        "pending": counts.pending,
        "suppressed": counts.suppressed,
    }


def campaign_world(n: int) -> None:
    """Clients with consents, declarations and profiles."""
    roles.ensure()
    features.ensure_core(AT)
    population.add(n, prefix="queue", at=AT)
    profiles.refresh(at=AT)


def copied(run: Run) -> tuple[float, int]:
    """Seconds to COPY the run's finished rows into a bare table of the same columns, and their bytes."""
    kept = io.BytesIO()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("create temp table bare (like campaigns_message) on commit drop")
        with cursor.copy("copy campaigns_message to stdout (format binary)") as out:
            for part in out:
                kept.write(part)
        begun = time.perf_counter()
        with cursor.copy("copy bare from stdin (format binary)") as into:
            into.write(kept.getvalue())
        return time.perf_counter() - begun, kept.tell()
