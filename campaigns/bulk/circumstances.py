"""Set-based SQL of what limits and the segmented control must know of each client."""

from datetime import datetime
from typing import Any

import numpy as np
from django.db import connection

# One row a client, by id. Declared beats inferred: 'declared' sorts before 'inferred'.
CIRCUMSTANCES = """
WITH known AS (
    SELECT DISTINCT ON (a.client_id, a.key) a.client_id, a.key, a.value #>> '{}' AS value, a.origin
    FROM personalize_attribute a
    WHERE a.client_id = ANY(%(ids)s)
    AND a.key IN ('risk_tolerance', 'experience', 'vulnerable', 'goal', 'client_category')
    ORDER BY a.client_id, a.key, a.origin
),
wide AS (
    SELECT client_id,
        max(value) FILTER (WHERE key = 'risk_tolerance') AS risk,
        max(value) FILTER (WHERE key = 'experience') AS experience,
        max(value) FILTER (WHERE key = 'vulnerable') AS vulnerable,
        max(value) FILTER (WHERE key = 'goal') AS goal,
        -- Nobody is a professional client by what they did on a page.
        max(value) FILTER (WHERE key = 'client_category' AND origin = 'declared') AS category
    FROM known
    GROUP BY client_id
)
SELECT c.id,
    coalesce(w.risk, '') AS risk,
    coalesce(w.experience, '') AS experience,
    -- Past its review day a note protects on.
    coalesce(w.vulnerable, 'false') NOT IN ('false', '0', '', 'no') OR EXISTS (
        SELECT FROM compliance_vulnerability v WHERE v.client_id = c.id AND v.ended_at IS NULL
    ) AS vulnerable,
    coalesce(w.goal, '') AS goal,
    c.language,
    coalesce(p.topics_declined, '[]'::jsonb)::text AS declined,
    extract(epoch FROM %(at)s - c.first_seen_at)::float8 / 86400 AS tenure_days,
    CASE
        WHEN w.category = 'professional' THEN w.category
        WHEN compliance_certified(c.id, (%(at)s AT TIME ZONE 'UTC')::date) THEN 'certified'
        ELSE coalesce(w.category, '')
    END AS category,
    c.jurisdiction
FROM compliance_client c
LEFT JOIN wide w ON w.client_id = c.id
LEFT JOIN compliance_preference p ON p.client_id = c.id
WHERE c.id = ANY(%(ids)s)
ORDER BY c.id
"""


def circumstances(client_ids: np.ndarray, *, at: datetime) -> list[tuple[Any, ...]]:
    """(id, risk, experience, vulnerable, goal, language, declined topics as JSON text, days of tenure, category,
    jurisdiction) by id.
    """
    with connection.cursor() as cursor:
        cursor.execute(CIRCUMSTANCES, {"ids": client_ids.tolist(), "at": at})
        return cursor.fetchall()
