"""Set-based SQL of the arbiter: of several promotional messages that want a client on a day, the best ones stay."""

from datetime import datetime

import numpy as np
from django.db import connection

# Those that wait for these clients and are due before their local day ends. A value is compared only where every one of
# a client's messages has one; otherwise priority alone decides, because a guess is no number.
SETTLE = """
WITH wanting AS (
    SELECT m.id, m.client_id, m.channel, m.score, m.run_id, m.campaign_id, r.launched_at, k.name,
        coalesce((r.plan ->> 'priority')::int, 10) AS priority,
        r.plan ->> 'when_capped' = 'deferred' AS may_wait,
        (date_trunc('day', %(at)s AT TIME ZONE z.name) + interval '1 day') AT TIME ZONE z.name AS tomorrow
    FROM campaigns_message m
    JOIN campaigns_run r ON r.id = m.run_id
    JOIN campaigns_campaign k ON k.id = r.campaign_id
    JOIN compliance_client c ON c.id = m.client_id
    CROSS JOIN LATERAL (SELECT campaigns_zone(c.timezone) AS name) z
    WHERE m.client_id = ANY(%(clients)s)
    AND m.state = 'pending'
    AND r.plan ->> 'purpose' <> 'service'
    AND m.due_at < (date_trunc('day', %(at)s AT TIME ZONE z.name) + interval '1 day') AT TIME ZONE z.name
),
valued AS (
    SELECT w.*, min(w.campaign_id) OVER whose < max(w.campaign_id) OVER whose AS is_contested,
        bool_and(w.score IS NOT NULL) OVER whose AS is_scored,
        w.priority * CASE WHEN bool_and(w.score IS NOT NULL) OVER whose THEN w.score ELSE 1 END AS value
    FROM wanting w
    WINDOW whose AS (PARTITION BY w.client_id, w.channel)
),
ranked AS (
    SELECT v.*, row_number() OVER best_first AS place,
        first_value(v.id) OVER best_first AS best_id, first_value(v.name) OVER best_first AS best_name,
        first_value(v.value) OVER best_first AS best_value
    FROM valued v
    WHERE v.is_contested
    WINDOW best_first AS (
        PARTITION BY v.client_id, v.channel ORDER BY v.value DESC, v.priority DESC, v.launched_at, v.run_id
    )
)
UPDATE campaigns_message m
SET state = CASE WHEN l.may_wait THEN 'pending' ELSE 'suppressed' END,
    reason = CASE WHEN l.may_wait THEN 'lost_today' ELSE 'lost' END,
    due_at = CASE WHEN l.may_wait THEN l.tomorrow ELSE m.due_at END,
    "window" = jsonb_build_object(
        'lost_to', l.best_id, 'campaign', l.best_name, 'value', l.value, 'best', l.best_value,
        'margin', CASE WHEN l.is_scored THEN l.best_value - l.value END
    )
FROM ranked l
WHERE m.id = l.id
AND l.place > coalesce(
    (SELECT p.most FROM campaigns_cap p WHERE p.days = 1 AND p.channel = '' AND p.topic = '' AND NOT p.is_urgent), 1
)
AND m.state = 'pending'
"""


def settle(client_ids: np.ndarray, *, at: datetime) -> int:
    """Let the best messages of the day stay and the others lose; how many lost."""
    with connection.cursor() as cursor:
        cursor.execute(SETTLE, {"clients": client_ids.tolist(), "at": at})
        return cursor.rowcount
