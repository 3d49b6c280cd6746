"""Set-based SQL of profiles: events, attributes and declarations as (client, position, value), and vectors at rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection, transaction

from compliance.bulk import prepared
from compliance.bulk.binary import copy_in, copy_out

LAST_EVENT = -1  # the position under which TRIPLETS tells when a client last did anything, in epoch seconds

# Chunks are mostly neighbours: the bounds let one stretch of an index be read, the array leaves out who is not meant.
FACTS = """
with newest as materialized (
    select distinct on (a.client_id, a.key)
        a.client_id, a.key, a.value #>> '{}' as told
    from personalize_attribute a
    where a.client_id between %(low)s and %(high)s
      and a.client_id = any(%(ids)s::bigint[])
      and a.key = any(%(keys)s::text[])
      and a.at <= %(at)s
    order by a.client_id, a.key, a.origin
),
numbers as (
    select client_id, key,
        case when told in ('true', 'false') then told::boolean::int::float8
             when told ~ '^-?[0-9]{1,15}(\\.[0-9]{1,15})?([eE][-+]?[0-9]{1,2})?$' then told::float8 end as number
    from newest
),
done as materialized (
    select e.client_id, e.name,
        count(*) filter (where e.occurred_at > %(at)s - interval '7 days') as n7,
        count(*) filter (where e.occurred_at > %(at)s - interval '30 days') as n30,
        count(*) filter (where e.occurred_at > %(at)s - interval '90 days') as n90,
        max(e.occurred_at) as last
    from personalize_event e
    where e.client_id between %(low)s and %(high)s
      and e.client_id = any(%(ids)s::bigint[])
      and e.occurred_at > %(at)s - interval '400 days'
      and e.occurred_at <= %(at)s
      and e.type in ('track', 'page', 'screen')
    group by e.client_id, e.name
),
summed as materialized (
    select client_id, name, n7, n30, n90, last from done where name = any(%(names)s::text[])
    union all
    select client_id, '*', sum(n7), sum(n30), sum(n90), max(last) from done group by client_id
)
"""
# By what is wanted; "last" always is.
PARTS = {
    "words": """
select n.client_id, s.position, s.code
from newest n
join unnest(%(word_keys)s::text[], %(words)s::text[], %(word_positions)s::int[], %(word_codes)s::float8[])
    as s (key, word, position, code)
    on s.key = n.key and s.word = lower(regexp_replace(btrim(n.told), '[[:space:]-]+', '_', 'g'))
""",
    "numbers": """
select n.client_id, s.position, n.number
from numbers n
join unnest(%(number_keys)s::text[], %(number_positions)s::int[]) as s (key, position) on s.key = n.key
where n.number is not null
""",
    "rates": """
select sent.client_id, s.position, (coalesce(opened.number, 0) + s.up) / (sent.number + s.down)
from unnest(%(rate_positions)s::int[], %(rate_ups)s::text[], %(rate_downs)s::text[], %(ups)s::float8[],
            %(downs)s::float8[]) as s (position, opened, sent, up, down)
join numbers sent on sent.key = s.sent and sent.number is not null
left join numbers opened on opened.key = s.opened and opened.client_id = sent.client_id
""",
    "counts": """
select d.client_id, s.position, (case s.days when 7 then d.n7 when 30 then d.n30 else d.n90 end)::float8
from summed d
join unnest(%(count_names)s::text[], %(count_days)s::int[], %(count_positions)s::int[]) as s (name, days, position)
    on s.name = d.name
""",
    "since": """
select d.client_id, s.position, extract(epoch from %(at)s - d.last)::float8 / 86400
from summed d
join unnest(%(since_names)s::text[], %(since_positions)s::int[]) as s (name, position) on s.name = d.name
""",
    "last": """
select d.client_id, -1, extract(epoch from d.last)::float8
from summed d
where d.name = '*'
""",
    "active": """
select e.client_id, s.position, count(distinct (e.occurred_at at time zone 'UTC')::date)::float8
from personalize_event e
join unnest(%(active_days)s::int[], %(active_positions)s::int[]) as s (days, position)
    on e.occurred_at > %(at)s - make_interval(days => s.days)
where e.client_id between %(low)s and %(high)s
  and e.client_id = any(%(ids)s::bigint[])
  and e.occurred_at <= %(at)s
  and e.type in ('track', 'page', 'screen')
group by e.client_id, s.position
""",
    "tenure": """
select c.id, s.position, extract(epoch from %(at)s - c.first_seen_at)::float8 / 86400
from compliance_client c
cross join unnest(%(tenure_positions)s::int[]) as s (position)
where c.id between %(low)s and %(high)s
  and c.id = any(%(ids)s::bigint[])
""",
}
TRIPLETS = FACTS + "union all".join(PARTS.values())
SIGNALS = """
select distinct on (kind) kind, value
from personalize_marketsignal
where kind = any(%(kinds)s)
  and effective_at <= %(at)s
order by kind, effective_at desc
"""
# One client: what a request waits for is prepared, with only what is wanted in it.
SIGNALLED = """
select %(one)s::int8, s.position, (
    select m.value from personalize_marketsignal m where m.kind = s.kind and m.effective_at <= %(at)s
    order by m.effective_at desc
    limit 1
)
from unnest(%(signal_kinds)s::text[], %(signal_positions)s::int[]) as s (kind, position)
"""
STAGE = """
create temp table if not exists fresh_profile (
    client_id bigint, vector bytea, last float8
) on commit delete rows
"""
KEEP = """
insert into personalize_profile as p (client_id, vector, version, refreshed_at, last_event_at)
select f.client_id, f.vector, %(version)s, %(at)s, case when f.last = 'NaN' then null else to_timestamp(f.last) end
from fresh_profile f
join compliance_client c on c.id = f.client_id and c.restricted_at is null
order by f.client_id
on conflict (client_id) do update set
    vector = excluded.vector, version = excluded.version,
    refreshed_at = excluded.refreshed_at, last_event_at = excluded.last_event_at
where p.refreshed_at <= excluded.refreshed_at
"""
EVERYBODY = """
select id
from compliance_client
where erased_at is null
  and restricted_at is null
  and merged_into_id is null
order by id
limit %(limit)s
"""
ARRIVED = """
with news as (
    select distinct e.client_id
    from personalize_event e
    left join personalize_profile p on p.client_id = e.client_id
    where e.received_at >= %(since)s
      and (p.client_id is null or e.received_at >= p.refreshed_at - %(overlap)s)
)
select c.id
from compliance_client c
left join personalize_profile p on p.client_id = c.id
left join news on news.client_id = c.id
where c.erased_at is null
  and c.restricted_at is null
  and c.merged_into_id is null
  and (news.client_id is not null or p.client_id is null or p.version <> %(version)s or p.refreshed_at < %(stale)s)
order by news.client_id is null, p.refreshed_at nulls first, c.id
limit %(limit)s
"""
UNSEEN = """
select c.id
from compliance_client c
left join personalize_profile p on p.client_id = c.id
where c.id = any(%(ids)s::bigint[])
  and (p.client_id is null or p.version <> %(version)s or p.refreshed_at < %(before)s or exists (
      select from personalize_event e where e.client_id = c.id and e.received_at >= p.refreshed_at - %(overlap)s
  ))
order by c.id
"""
READ = """
select client_id, substring(vector || %(unknown)s from 1 for %(width)s)
from personalize_profile
where client_id = any(%(ids)s::bigint[])
order by client_id
"""
STALE = """
update personalize_profile set refreshed_at = '1970-01-01T00:00:00Z'
where client_id = any(%(ids)s::bigint[])
"""
IDENTIFIERS = np.dtype([("n", ">i2"), ("l1", ">i4"), ("client", ">i8")])
TRIPLET = np.dtype(
    [("n", ">i2"), ("l1", ">i4"), ("client", ">i8"), ("l2", ">i4"), ("position", ">i4"), ("l3", ">i4"),
     ("value", ">f8")]
)  # fmt: skip


@dataclass(slots=True)
class Wanted:
    """What TRIPLETS should compute, as the parallel arrays of its parameters."""

    words: list[tuple[str, str, int, float]] = field(default_factory=list)  # key, word, position, code
    numbers: list[tuple[str, int]] = field(default_factory=list)  # key, position
    rates: list[tuple[int, str, str, float, float]] = field(default_factory=list)  # position, opened, sent, up, down
    counts: list[tuple[str, int, int]] = field(default_factory=list)  # name, days, position
    since: list[tuple[str, int]] = field(default_factory=list)  # name, position
    active: list[tuple[int, int]] = field(default_factory=list)  # days, position
    tenure: list[int] = field(default_factory=list)  # position

    def parameters(self) -> dict[str, list]:
        """Named parameters of TRIPLETS."""
        given: dict[str, list] = {"tenure_positions": self.tenure}
        for rows, names in (
            (self.words, ("word_keys", "words", "word_positions", "word_codes")),
            (self.numbers, ("number_keys", "number_positions")),
            (self.rates, ("rate_positions", "rate_ups", "rate_downs", "ups", "downs")),
            (self.counts, ("count_names", "count_days", "count_positions")),
            (self.since, ("since_names", "since_positions")),
            (self.active, ("active_days", "active_positions")),
        ):
            for number, name in enumerate(names):
                given[name] = [row[number] for row in rows]
        given["keys"] = sorted({*given["word_keys"], *given["number_keys"], *given["rate_ups"], *given["rate_downs"]})
        given["names"] = sorted({*given["count_names"], *given["since_names"]} - {"*"})
        return given


def triplets(ids: np.ndarray, wanted: Wanted, *, at: datetime) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(clients, positions, values) of everything known of these clients at `at`; position LAST_EVENT: see there."""
    given = {"ids": ids.tolist(), "low": int(ids.min()), "high": int(ids.max()), "at": at, **wanted.parameters()}
    rows = copy_out(TRIPLETS, given, TRIPLET)
    return rows["client"].astype(np.int64), rows["position"].astype(np.intp), rows["value"].astype(np.float64)


def statement_of_one(wanted: Wanted, signals: Sequence[tuple[str, int]]) -> tuple[str, dict[str, Any]]:
    """TRIPLETS for %(one)s client at %(at)s as `prepared` takes it: with only what is wanted, and what is left to give.

    signals  (kind of market signal, position)
    """
    parts = [part for name, part in PARTS.items() if name == "last" or getattr(wanted, name)]
    made = FACTS + "union all".join([*parts, SIGNALLED] if signals else parts)
    for name, one in (("ids", "array[%(one)s]"), ("low", "%(one)s::int8"), ("high", "%(one)s::int8")):
        made = made.replace(f"%({name})s", one)
    more = {"signal_kinds": [kind for kind, _ in signals], "signal_positions": [place for _, place in signals]}
    return prepared.written(made, {**wanted.parameters(), **more})


def of_one(statement: str, given: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`triplets` of one client, by `statement_of_one`; a market signal that nobody knows is NaN."""
    found = prepared.rows(statement, given)
    clients, positions, values = ([row[column] for row in found] for column in range(3))
    return np.array(clients, np.int64), np.array(positions, np.intp), np.array(values, np.float64)


def signals(kinds: Sequence[str], *, at: datetime) -> dict[str, float]:
    """The newest value of each market signal that was in effect at `at`."""
    if not kinds:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(SIGNALS, {"kinds": list(kinds), "at": at})
        return dict(cursor.fetchall())


@transaction.atomic
def keep(ids: np.ndarray, x: np.ndarray, last: np.ndarray, *, version: int, at: datetime) -> None:
    """Write one vector a client, replacing older ones. x (n, F) float32; last (n,) epoch seconds, NaN for never."""
    width = 4 * x.shape[1]
    row = np.dtype(
        [("n", ">i2"), ("l1", ">i4"), ("client", ">i8"), ("l2", ">i4"), ("vector", f"V{width}"), ("l3", ">i4"),
         ("last", ">f8")]
    )  # fmt: skip
    rows = np.zeros(len(ids), row)
    rows["n"], rows["l1"], rows["l2"], rows["l3"] = 3, 8, width, 8
    rows["client"], rows["last"] = ids, last
    rows["vector"] = np.ascontiguousarray(x, "<f4").view(f"V{width}")[:, 0]
    with connection.cursor() as cursor:
        cursor.execute(STAGE)
        copy_in(cursor, "copy fresh_profile from stdin (format binary)", rows)
        cursor.execute(KEEP, {"version": version, "at": at})
        cursor.execute("truncate fresh_profile")


def due(*, since: datetime | None, overlap: timedelta, stale: datetime, version: int, limit: int | None) -> np.ndarray:
    """Clients to refresh, int64 ascending: all of them, or those with news since then or a profile gone stale."""
    wanted = {"since": since, "overlap": overlap, "stale": stale, "version": version, "limit": limit}
    rows = copy_out(EVERYBODY if since is None else ARRIVED, wanted, IDENTIFIERS)
    return np.sort(rows["client"].astype(np.int64))


def stale(ids: Sequence[int] | np.ndarray, *, overlap: timedelta, before: datetime, version: int) -> list[int]:
    """Those of the clients whose profile is missing, older than `before`, or has not seen all that arrived."""
    asked = {"ids": [int(one) for one in ids], "overlap": overlap, "before": before, "version": version}
    with connection.cursor() as cursor:
        cursor.execute(UNSEEN, asked)
        return [one for (one,) in cursor.fetchall()]


def read(ids: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """(client ids ascending, (m, width) float32) of those that have a profile; columns a profile lacks are NaN."""
    row = np.dtype(
        [("n", ">i2"), ("l1", ">i4"), ("client", ">i8"), ("l2", ">i4"), ("vector", "<f4", (width,))]
    )  # fmt: skip
    unknown = np.full(width, np.nan, "<f4").tobytes()
    rows = copy_out(READ, {"ids": ids.tolist(), "unknown": unknown, "width": 4 * width}, row)
    return rows["client"].astype(np.int64), rows["vector"].astype(np.float32)


def mark_stale(ids: Sequence[int]) -> None:
    """Have these profiles refreshed at the next opportunity."""
    with connection.cursor() as cursor:
        cursor.execute(STALE, {"ids": list(ids)})
