"""Set-based SQL of what clients were shown in a time, one row a client."""

from datetime import datetime
from typing import Any

from django.db import connection

# Everybody a campaign decided about, but for the holdout and those whom law or caps kept out whatever was chosen. What
# an offer costs counts where it was shown; a client who saw several has their mean.
EXPOSURES = """
WITH decided AS MATERIALIZED (
    SELECT m.client_id, m.campaign_id, m.variant_id, m.state IN ('sent', 'shown') AS reached
    FROM campaigns_message m
    WHERE m.campaign_id = %(campaign)s
    AND m.decided_at > %(since)s
    AND m.decided_at <= %(until)s
    AND m.arm <> 'holdout'
    AND NOT (m.state = 'suppressed' AND m.reason = ANY(%(barred)s))
),
words AS (
    SELECT v.id,
        coalesce(bool_or(o.kind = 'beneficial'), false) AS good,
        coalesce(bool_or(o.kind = 'harmful'), false) AS bad,
        avg(o.fee_bps)::float8 AS fee,
        avg(o.term_days)::float8 AS term,
        v.is_urgent AS urgent,
        bool_or(coalesce(c.is_fallback, false)) AS fallback
    FROM campaigns_variant v
    CROSS JOIN LATERAL unnest(v.versions) AS part (version)
    LEFT JOIN campaigns_offer o ON o.version_id = part.version
    LEFT JOIN campaigns_campaignblock c ON c.version_id = part.version AND c.campaign_id = v.campaign_id
    WHERE v.id IN (SELECT variant_id FROM decided)
    GROUP BY v.id, v.is_urgent
)
SELECT d.client_id,
    count(*) FILTER (WHERE d.reached) AS contacts,
    coalesce(bool_or(w.good) FILTER (WHERE d.reached), false) AS good,
    coalesce(bool_or(w.bad) FILTER (WHERE d.reached), false) AS bad,
    avg(w.fee) FILTER (WHERE d.reached) AS fee,
    avg(w.term) FILTER (WHERE d.reached) AS term,
    coalesce(bool_or(w.urgent) FILTER (WHERE d.reached), false) AS urgent,
    coalesce(bool_or(w.fallback) FILTER (WHERE d.reached), false) AS fallback
FROM decided d
LEFT JOIN words w ON w.id = d.variant_id
GROUP BY d.client_id
ORDER BY d.client_id
"""


def exposures(campaign_id: int, *, barred: list[str], since: datetime, until: datetime) -> list[tuple[Any, ...]]:
    """(client, contacts, saw good, saw bad, mean fee, mean term, saw urgent, saw fallback words), by client.

    barred  reasons that kept a client out before anything was chosen
    """
    asked = {"campaign": campaign_id, "barred": barred, "since": since, "until": until}
    with connection.cursor() as cursor:
        cursor.execute(EXPOSURES, asked)
        return cursor.fetchall()
