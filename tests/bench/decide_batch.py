"""`decide-batch`: clients x 20 candidates x 40 features: read, masked, scored, explained, picked with the exact chance,

and logged to PostgreSQL with its indexes and ledger triggers; the ratio is to COPY of the same finished rows into the
same table, in turns. The product's own path a chunk, up to the words: no text is made.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from campaigns import bulk, choosing, messages
from campaigns.models import Chunk
from compliance import consent
from compliance.web import acting
from tests.bench import _decided

CLIENTS, TARGET, MOST_MB = 1_000_000, 2.5, 1_500


def bench(scale: float = 1.0) -> dict[str, Any]:
    """The median ratio of wall times over five pairs, and what one client costs in CPU on both sides."""
    with acting("system:bench"), tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        run = _decided.launched(max(12_000, int(CLIENTS * scale)))
        chunks = {one.pk: one.client_ids for one in Chunk.objects.filter(run=run).order_by("number")}

        def decide(key: int) -> int:
            ids = np.array(chunks[key], np.int64)
            plan = run.plan
            permits = consent.permits(ids, purpose=plan["purpose"], channel=plan["channel"], at=_decided.AT)
            decided = choosing.decide(plan, ids, seed=run.seed, at=_decided.AT, permits=permits)
            rows = messages.blank(run, ids, permits, decided, at=_decided.AT)
            for arm, choice in zip(decided.arm.tolist(), decided.choice.tolist(), strict=True):
                rows.said.append(bulk.messages.Said(messages.ARMS[arm].value, "pending", "", None, tuple(choice)))
            rows.address, rows.digest, rows.merge = [""] * len(ids), [b""] * len(ids), [b"{}"] * len(ids)
            return bulk.messages.copy(rows)

        found = _decided.compare(run, decide, list(chunks.items()), Path(folder))
    return {"name": "decide_batch", "target": TARGET, "met": found["ratio"] <= TARGET, **found}
