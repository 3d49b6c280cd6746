"""`decide-assemble`: the run's own path a chunk: decided, every message assembled and digested, logged.

The ratio is to COPY of the same finished rows into the same table, in turns, with one worker.
"""

import tempfile
from pathlib import Path
from typing import Any

from campaigns import runs
from campaigns.models import Chunk
from compliance.web import acting
from tests.bench import _decided

CLIENTS, TARGET = 1_000_000, 5.0


def bench(scale: float = 1.0) -> dict[str, Any]:
    """The median ratio of wall times over five pairs, and what one client costs in CPU on both sides."""
    with acting("system:bench"), tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        run = _decided.launched(max(12_000, int(CLIENTS * scale)))
        chunks = [(one.pk, one.client_ids) for one in Chunk.objects.filter(run=run).order_by("number")]
        found = _decided.compare(run, lambda key: runs.assemble(key, at=_decided.AT), chunks, Path(folder))
    return {"name": "decide_assemble", "target": TARGET, "met": found["ratio"] <= TARGET, **found}
