"""Set-based SQL of complaints and bounces."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection

# A person complains once a message; an address may bounce more than once and counts once.
COUNTS = """
SELECT r.id, k.kind,
    (
        SELECT count(DISTINCT i.message_id)
        FROM campaigns_interaction i
        JOIN campaigns_message m ON m.id = i.message_id
        WHERE m.run_id = r.id
        AND i.kind = k.kind
    ) AS events,
    (
        SELECT count(*)
        FROM campaigns_message m
        WHERE m.run_id = r.id
        AND (m.state = 'sent' OR m.reason IN ('bounced', 'refused_by_server'))
    ) AS sent
FROM campaigns_run r
CROSS JOIN (VALUES ('complaint'), ('bounce')) AS k (kind)
WHERE r.id = ANY(%(runs)s)
ORDER BY r.id, k.kind DESC
"""

RECENT = """
SELECT DISTINCT m.run_id
FROM campaigns_interaction i
JOIN campaigns_message m ON m.id = i.message_id
JOIN campaigns_run r ON r.id = m.run_id
WHERE i.kind IN ('bounce', 'complaint')
AND i.at > %(since)s
AND r.state IN ('assembling', 'sending')
ORDER BY m.run_id
"""


def counts(run_ids: Sequence[int]) -> list[tuple[int, str, int, int]]:
    """(run, "complaint" or "bounce", messages it happened to, messages the server was given), two rows a run."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, {"runs": list(run_ids)})
        return cursor.fetchall()


def recent(*, at: datetime) -> list[int]:
    """Runs under way that were complained about or bounced within the last minute."""
    with connection.cursor() as cursor:
        cursor.execute(RECENT, {"since": at - timedelta(minutes=1)})
        return [one for (one,) in cursor.fetchall()]
