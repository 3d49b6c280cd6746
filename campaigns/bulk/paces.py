"""Set-based SQL of paces: taking tokens for a whole claim in one statement, exact across workers."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

# The bucket holds at most ten seconds' worth. Rows are locked by number, so that workers who want several never wait in
# a circle. A warm-up counts days in UTC.
TAKE = """
WITH wanted AS (
    SELECT coalesce(own.pace_id, every.pace_id) AS pace, sum(w.n)::int AS n
    FROM unnest(%(domains)s::text[], %(numbers)s::int[]) AS w (domain, n)
    LEFT JOIN campaigns_pacedomain own ON own.domain = w.domain
    LEFT JOIN campaigns_pacedomain every ON every.domain = '*'
    WHERE coalesce(own.pace_id, every.pace_id) IS NOT NULL
    GROUP BY 1
),
held AS (
    SELECT p.*, w.n
    FROM campaigns_pace p
    JOIN wanted w ON w.pace = p.id
    ORDER BY p.id
    FOR UPDATE OF p
),
filled AS (
    SELECT h.id, h.n, h.slow_until, h.per_minute,
        least(
            greatest(h.per_minute / 6.0, 1),
            h.tokens + greatest(extract(epoch FROM %(at)s - h.filled_at), 0)::float8 * h.per_minute / 60.0
        ) AS tokens,
        CASE WHEN h.day = %(day)s THEN h.sent_today ELSE 0 END AS today,
        CASE
            WHEN h.warm_from IS NULL THEN NULL
            ELSE floor(h.warm_first * power(h.warm_growth, least(greatest(%(day)s - h.warm_from, 0), 60)))
        END AS day_limit
    FROM held h
),
given AS (
    SELECT f.*,
        CASE
            WHEN f.slow_until > %(at)s THEN 0
            ELSE greatest(least(f.n, floor(f.tokens), coalesce(f.day_limit, f.n + f.today) - f.today), 0)::int
        END AS granted
    FROM filled f
),
taken AS (
    UPDATE campaigns_pace p
    SET tokens = g.tokens - g.granted, filled_at = greatest(p.filled_at, %(at)s), day = %(day)s,
        sent_today = g.today + g.granted
    FROM given g
    WHERE p.id = g.id
)
SELECT g.id, g.granted,
    CASE
        WHEN g.slow_until > %(at)s THEN g.slow_until
        WHEN g.day_limit IS NOT NULL AND g.today + g.granted >= g.day_limit
            THEN (%(day)s + 1)::timestamp AT TIME ZONE 'UTC'
        ELSE %(at)s + make_interval(secs => (greatest(1 - (g.tokens - g.granted), 0) * 60.0 / g.per_minute)::float8)
    END AS again_at
FROM given g
ORDER BY g.id
"""

BOOK = """
UPDATE campaigns_pace p
SET booked_until = greatest(p.booked_until, b.first) + b.n * make_interval(secs => 60.0 / p.per_minute)
FROM unnest(%(paces)s::bigint[], %(numbers)s::int[], %(firsts)s::timestamptz[]) AS b (pace, n, first)
WHERE p.id = b.pace
RETURNING p.id, p.booked_until - b.n * make_interval(secs => 60.0 / p.per_minute),
    make_interval(secs => 60.0 / p.per_minute)
"""

DOMAINS = """
SELECT d.domain, d.pace_id
FROM campaigns_pacedomain d
WHERE d.domain = ANY(%(domains)s)
"""


def take(wanted: Mapping[str, int], *, at: datetime) -> dict[int, tuple[int, datetime]]:
    """Pace → (how many of the messages wanted may go now, when to ask for the rest); domains without one are absent."""
    values: dict[str, Any] = {"domains": list(wanted), "numbers": list(wanted.values()), "at": at}
    values["day"] = at.astimezone(UTC).date()
    with connection.cursor() as cursor:
        cursor.execute(TAKE, values)
        return {pace: (granted, again) for pace, granted, again in cursor.fetchall()}


def book(wanted: Mapping[int, tuple[int, datetime]]) -> dict[int, tuple[datetime, timedelta]]:
    """Pace → (the first free time, the time between two): places in the queue for (how many, not before)."""
    if not wanted:
        return {}
    values = {
        "paces": list(wanted),
        "numbers": [n for n, _ in wanted.values()],
        "firsts": [first for _, first in wanted.values()],
    }
    with connection.cursor() as cursor:
        cursor.execute(BOOK, values)
        return {pace: (first, step) for pace, first, step in cursor.fetchall()}


def of_domains(domains: list[str]) -> dict[str, int]:
    """Domain → its pace, where it has one; "*" among `domains` asks for the one of all others."""
    with connection.cursor() as cursor:
        cursor.execute(DOMAINS, {"domains": domains})
        return dict(cursor.fetchall())
