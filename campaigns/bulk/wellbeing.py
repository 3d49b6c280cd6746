"""Set-based SQL of how clients fare after a campaign, those it chose words for beside those it did not."""

from datetime import datetime
from typing import Any

from django.db import connection

# An outcome counts from the decision on, so that the holdout, which gets nothing, is measured alike. Opting out by a
# message's link is open only to those who got one.
SIDES = """
WITH side AS MATERIALIZED (
    SELECT m.id, m.client_id, m.arm = 'personalised' AS chosen, m.state IN ('sent', 'shown') AS reached, m.decided_at
    FROM campaigns_message m
    WHERE m.campaign_id = %(campaign)s
    AND m.decided_at > %(since)s
    AND (m.state <> 'suppressed' OR NOT (m.reason = ANY(%(barred)s)))
),
later AS (
    SELECT side.id,
        bool_or(o.kind = 'complaint' AND o.value > 0) AS complained,
        bool_or(o.kind = 'early_exit' AND o.value > 0) AS exited,
        avg(o.value) FILTER (WHERE o.kind = 'satisfaction') AS satisfaction
    FROM side
    JOIN personalize_outcome o
        ON o.client_id = side.client_id
        AND o.kind IN ('complaint', 'early_exit', 'satisfaction')
        AND o.at > side.decided_at
        AND o.at <= %(at)s
    GROUP BY side.id
),
back AS (
    SELECT DISTINCT i.message_id
    FROM campaigns_interaction i
    JOIN side ON side.id = i.message_id
    WHERE i.kind = 'unsubscribe'
)
SELECT side.chosen,
    count(*) AS n,
    count(*) FILTER (WHERE later.complained) AS complaints,
    count(*) FILTER (WHERE later.exited) AS exits,
    count(*) FILTER (WHERE side.reached) AS reached,
    count(back.message_id) FILTER (WHERE side.reached) AS opt_outs,
    count(later.satisfaction) AS told,
    coalesce(avg(later.satisfaction), 0)::float8 AS satisfaction,
    coalesce(var_samp(later.satisfaction), 0)::float8 AS spread
FROM side
LEFT JOIN later ON later.id = side.id
LEFT JOIN back ON back.message_id = side.id
GROUP BY side.chosen
"""

UNDER_WAY = """
SELECT r.campaign_id, array_agg(r.id ORDER BY r.id)
FROM campaigns_run r
WHERE r.state IN ('assembling', 'sending')
GROUP BY r.campaign_id
ORDER BY r.campaign_id
"""


def sides(campaign_id: int, *, barred: list[str], since: datetime, at: datetime) -> dict[bool, dict[str, Any]]:
    """Counts of those the campaign chose for (True) and of its control and holdout (False), as of `at`."""
    with connection.cursor() as cursor:
        cursor.execute(SIDES, {"campaign": campaign_id, "barred": barred, "since": since, "at": at})
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return {row["chosen"]: row for row in rows}


def under_way() -> list[tuple[int, list[int]]]:
    """(campaign, its runs that go on now)."""
    with connection.cursor() as cursor:
        cursor.execute(UNDER_WAY)
        return cursor.fetchall()
