"""Set-based SQL of outlooks: whom to look at, what they did afterwards, and what is told of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from django.db import connection

# Known for a month by then, so that there is something to go by; the same clients for the same salt.
PEOPLE = """
select c.id
from compliance_client c
where c.erased_at is null
and c.restricted_at is null
and c.first_seen_at <= %(before)s
order by md5(c.id || %(salt)s), c.id
limit %(limit)s
"""
DID = """
select e.client_id, count(*)
from personalize_event e
where e.client_id = any(%(ids)s::bigint[])
and e.type in ('track', 'page', 'screen')
and e.occurred_at > %(since)s
and e.occurred_at <= %(until)s
and (cardinality(%(names)s::text[]) = 0 or e.name = any(%(names)s::text[]))
group by e.client_id
"""
AFTER = """
select c.id from compliance_client c
where c.erased_at is null and c.restricted_at is null and c.id > %(after)s
order by c.id limit %(limit)s
"""
TELL = """
insert into personalize_attribute as a (client_id, key, origin, value, source, at)
select f.client_id, %(key)s, 'inferred', to_jsonb(f.said), f.source, %(at)s
from unnest(%(ids)s::bigint[], %(said)s::text[], %(sources)s::text[]) f (client_id, said, source)
join compliance_client c on c.id = f.client_id and c.erased_at is null
order by f.client_id
on conflict (client_id, key, origin) do update set value = excluded.value, source = excluded.source, at = excluded.at
"""
FORGET = """
delete from personalize_attribute
where client_id = any(%(ids)s::bigint[]) and key = %(key)s and origin = 'inferred'
"""


def people(*, before: datetime, salt: str, limit: int) -> np.ndarray:
    """Clients who were known before then, ascending."""
    return np.sort(_ids(PEOPLE, {"before": before, "salt": salt, "limit": limit}))


def after(client_id: int, *, limit: int) -> np.ndarray:
    """The next clients by number."""
    return _ids(AFTER, {"after": client_id, "limit": limit})


def _ids(sql: str, asked: dict[str, object]) -> np.ndarray:
    with connection.cursor() as cursor:
        cursor.execute(sql, asked)
        return np.array([one for (one,) in cursor.fetchall()], np.int64)


def did(ids: np.ndarray, names: Sequence[str], *, since: datetime, days: int) -> np.ndarray:
    """How often each of these clients (ascending) did one of these things in the days after `since`: (n,)."""
    asked = {"ids": ids.tolist(), "names": list(names), "since": since, "until": since + timedelta(days=days)}
    out = np.zeros(len(ids), np.int64)
    with connection.cursor() as cursor:
        cursor.execute(DID, asked)
        for client, times in cursor.fetchall():
            out[np.searchsorted(ids, client)] = times
    return out


def tell(key: str, ids: np.ndarray, said: Sequence[str], sources: Sequence[str], *, at: datetime) -> None:
    """Keep what is told of these clients, in place of what was told before."""
    with connection.cursor() as cursor:
        cursor.execute(
            TELL, {"key": key, "ids": ids.tolist(), "said": list(said), "sources": list(sources), "at": at}
        )  # fmt: skip


def forget(key: str, ids: np.ndarray) -> None:
    """Tell nothing of these clients any more."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET, {"key": key, "ids": ids.tolist()})
