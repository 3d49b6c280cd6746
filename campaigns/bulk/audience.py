"""Set-based SQL of audiences: who a rule names, and the facts about them that a launch screen counts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection

# Merged, erased and restricted clients are nobody's audience.
MEMBERS = """
SELECT c.id
FROM compliance_client c
WHERE c.merged_into_id IS NULL
AND c.erased_at IS NULL
AND c.restricted_at IS NULL
AND ({where})
ORDER BY c.id
"""

MATCHING = """
SELECT c.id
FROM compliance_client c
WHERE c.id = ANY(%(ids)s)
AND ({where})
ORDER BY c.id
"""

SAMPLE = """
SELECT c.id
FROM compliance_client c
WHERE c.merged_into_id IS NULL
AND c.erased_at IS NULL
AND c.restricted_at IS NULL
AND ({where})
ORDER BY md5(c.id::text || %(salt)s), c.id
LIMIT %(limit)s
"""

ADDRESSES = """
SELECT c.id, c.email, c.ref
FROM compliance_client c
WHERE c.id = ANY(%(ids)s)
ORDER BY c.id
"""

FIRST_NAMES = """
SELECT c.id, c.first_name
FROM compliance_client c
WHERE c.id = ANY(%(ids)s)
AND c.first_name <> ''
"""

# Declared beats inferred: 'declared' sorts before 'inferred'.
TOLD = """
SELECT a.client_id, a.key, a.origin = 'inferred', a.value::text
FROM personalize_attribute a
WHERE a.client_id = ANY(%(ids)s)
AND a.key = ANY(%(keys)s)
AND a.at <= %(at)s
ORDER BY a.client_id, a.key, a.origin
"""

# A cap counts every promotional message whose hand-over was not answered by a definite no, over all campaigns and runs.
AT_CAP = """
SELECT c.id
FROM unnest(%(ids)s::bigint[]) AS c (id)
LEFT JOIN compliance_preference p ON p.client_id = c.id
WHERE (
    SELECT count(*)
    FROM campaigns_message m
    JOIN campaigns_run r ON r.id = m.run_id
    WHERE m.client_id = c.id
    AND m.intent_at > %(since)s
    AND r.plan ->> 'purpose' <> 'service'
) >= coalesce(p.max_per_week, %(cap)s)
ORDER BY c.id
"""

# The client with the lowest number keeps a shared address.
SHARED = """
SELECT o.id, o.email
FROM compliance_client o
WHERE o.email IN (
    SELECT email
    FROM compliance_client
    WHERE id = ANY(%(ids)s)
    AND email <> ''
)
AND o.merged_into_id IS NULL
AND o.erased_at IS NULL
ORDER BY o.email, o.id
"""


def members(where: str, values: Mapping[str, Any]) -> np.ndarray:
    """Ids (n,) int64, ascending, of the living clients for whom the compiled rule holds."""
    return _ids(MEMBERS.format(where=where), values)


def matching(where: str, values: Mapping[str, Any], *, client_ids: np.ndarray) -> np.ndarray:
    """Those of `client_ids` for whom the compiled rule holds, ascending."""
    return _ids(MATCHING.format(where=where), {**values, "ids": client_ids.tolist()})


def sample(where: str, values: Mapping[str, Any], *, salt: str, limit: int) -> np.ndarray:
    """Up to `limit` members, the same ones for the same salt."""
    return _ids(SAMPLE.format(where=where), {**values, "salt": salt, "limit": limit})


def addresses(client_ids: np.ndarray) -> dict[int, tuple[str, UUID]]:
    """Client id → normalised e-mail address, empty when unknown, and the client's public reference."""
    with connection.cursor() as cursor:
        cursor.execute(ADDRESSES, {"ids": client_ids.tolist()})
        return {client: (email, ref) for client, email, ref in cursor.fetchall()}


def first_names(client_ids: np.ndarray) -> dict[int, str]:
    """Client id → first name, where there is one."""
    with connection.cursor() as cursor:
        cursor.execute(FIRST_NAMES, {"ids": client_ids.tolist()})
        return dict(cursor.fetchall())


def told(client_ids: np.ndarray, *, keys: Sequence[str], at: datetime) -> list[tuple[int, str, bool, str]]:
    """(client, key, inferred?, JSON text) of these attributes as far as they were true at `at`, declared ones first."""
    with connection.cursor() as cursor:
        cursor.execute(TOLD, {"ids": client_ids.tolist(), "keys": list(keys), "at": at})
        return cursor.fetchall()


def at_cap(client_ids: np.ndarray, *, cap: int, since: datetime) -> np.ndarray:
    """Those of `client_ids` who were written to as often since `since` as they, or else the firm, allow."""
    return _ids(AT_CAP, {"ids": client_ids.tolist(), "cap": cap, "since": since})


def shared_addresses(client_ids: np.ndarray) -> list[tuple[int, str]]:
    """Every living client who has the address of one of `client_ids`, by address, then id."""
    with connection.cursor() as cursor:
        cursor.execute(SHARED, {"ids": client_ids.tolist()})
        return cursor.fetchall()


def _ids(sql: str, values: Mapping[str, Any]) -> np.ndarray:
    with connection.cursor() as cursor:
        cursor.execute(sql, dict(values))
        return np.fromiter((row[0] for row in cursor.fetchall()), np.int64)
