"""Set-based SQL of what clients were shown in a time, one row a client and span of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

# Everybody a campaign decided about, but for the holdout and those whom law or caps kept out whatever was chosen. What
# an offer costs counts where it was shown; a client who saw several has their mean.
EXPOSURES = """
WITH decided AS MATERIALIZED (
    SELECT m.client_id, m.variant_id, m.state IN ('sent', 'shown') AS reached,
        floor(extract(epoch FROM %(until)s - m.decided_at) / %(every_s)s)::int AS span
    FROM campaigns_message m
    WHERE m.campaign_id = ANY(%(campaigns)s)
    AND (%(artefact)s::bigint IS NULL OR m.artefact_id = %(artefact)s)
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
    coalesce(bool_or(w.fallback) FILTER (WHERE d.reached), false) AS fallback,
    d.span,
    c.jurisdiction,
    c.language
FROM decided d
JOIN compliance_client c ON c.id = d.client_id
LEFT JOIN words w ON w.id = d.variant_id
GROUP BY d.client_id, d.span, c.jurisdiction, c.language
ORDER BY d.client_id, d.span
"""


def exposures(
    campaign_ids: Sequence[int], *, barred: list[str], since: datetime, until: datetime, every: timedelta,
    artefact_id: int | None = None,
) -> list[tuple[Any, ...]]:  # fmt: skip
    """(client, contacts, saw good, saw bad, mean fee, mean term, saw urgent, saw fallback words, span, market,
    language), by client and span.

    barred  reasons that kept a client out before anything was chosen · every  how long a span is; 0 is the newest
    artefact_id  only what this model chose
    """
    asked = {"campaigns": list(campaign_ids), "barred": barred, "since": since, "until": until, "artefact": artefact_id,
             "every_s": every.total_seconds()}  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(EXPOSURES, asked)
        return cursor.fetchall()
