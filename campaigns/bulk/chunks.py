"""Set-based SQL of runs: sharing an audience out as chunks, and the counts that must add up."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
from django.db import connection

PLAN = """
INSERT INTO campaigns_chunk (run_id, number, client_ids, state, attempts)
SELECT %(run)s, (place - 1) / %(size)s, array_agg(id ORDER BY id), 'waiting', 0
FROM (
    SELECT c.id, row_number() OVER (ORDER BY c.id) AS place
    FROM compliance_client c
    WHERE c.merged_into_id IS NULL
    AND c.erased_at IS NULL
    AND c.restricted_at IS NULL
    AND ({where})
) AS audience
GROUP BY 2
RETURNING cardinality(client_ids)
"""

IN_RUN = """
SELECT member.id
FROM campaigns_chunk k, unnest(k.client_ids) AS member (id)
WHERE k.run_id = %(run)s
AND member.id = ANY(%(ids)s)
ORDER BY member.id
"""

# One statement sees one moment: a chunk's clients are counted either as waiting or as messages, never as both; and a
# message that retention let go counts on, see `messages_that_were_let_go_count_on`.
COUNTS = """
SELECT m.state, m.reason, count(*)
FROM campaigns_message m
WHERE m.run_id = %(run)s
GROUP BY m.state, m.reason
UNION ALL
SELECT g.state, g.reason, g.messages
FROM campaigns_letgo g
WHERE g.run_id = %(run)s
UNION ALL
SELECT 'waiting', '', coalesce(sum(cardinality(k.client_ids)), 0)
FROM campaigns_chunk k
WHERE k.run_id = %(run)s
AND k.state = 'waiting'
"""

# Finished is what a query says, never a cursor: nobody waits and nothing is under way.
ENDED = """
SELECT r.id
FROM campaigns_run r
JOIN campaigns_campaign c ON c.id = r.campaign_id
WHERE r.state IN ('assembling', 'sending')
AND c.channel <> 'web'
AND NOT EXISTS (
    SELECT FROM campaigns_chunk k
    WHERE k.run_id = r.id
    AND k.state = 'waiting'
)
AND NOT EXISTS (
    SELECT FROM campaigns_message m
    WHERE m.run_id = r.id
    AND m.state IN ('pending', 'held', 'claimed', 'intent')
)
ORDER BY r.id
"""

WAITING = """
SELECT k.id
FROM campaigns_chunk k
JOIN campaigns_run r ON r.id = k.run_id
WHERE k.state = 'waiting'
AND r.state = 'assembling'
AND (k.lease_until IS NULL OR k.lease_until < %(at)s)
ORDER BY k.run_id, k.number
LIMIT %(limit)s
"""


def plan(run_id: int, where: str, values: Mapping[str, Any], *, size: int) -> int:
    """Share the clients for whom the compiled rule holds out as chunks of up to `size`; how many clients there are."""
    with connection.cursor() as cursor:
        cursor.execute(PLAN.format(where=where), {**values, "run": run_id, "size": size})
        return sum(row[0] for row in cursor.fetchall())


def in_run(run_id: int, client_ids: np.ndarray) -> np.ndarray:
    """Those of `client_ids` who are in the run's audience."""
    with connection.cursor() as cursor:
        cursor.execute(IN_RUN, {"run": run_id, "ids": client_ids.tolist()})
        return np.fromiter((row[0] for row in cursor.fetchall()), np.int64)


def counts(run_id: int) -> list[tuple[str, str, int]]:
    """(state, reason, how many) of a run's messages, and under the state "waiting" the clients not yet assembled."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, {"run": run_id})
        return [(state, reason, int(n)) for state, reason, n in cursor.fetchall()]


def ended() -> list[int]:
    """Runs in which nobody waits and nothing is under way, though they are not marked finished."""
    with connection.cursor() as cursor:
        cursor.execute(ENDED)
        return [one for (one,) in cursor.fetchall()]


def waiting(*, limit: int, at: datetime) -> list[int]:
    """Chunks that no worker holds, oldest run first."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING, {"at": at, "limit": limit})
        return [one for (one,) in cursor.fetchall()]
