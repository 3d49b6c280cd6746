"""The ledger as an explorer asks it: by any of its subjects, newest first, in bounded work; and as of any instant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

Way = tuple[str, Any]  # a key of WAYS and its value
MOST = 3_000  # entries looked at for one page; where more would be needed the page says how far it came
# How an entry is reached. Each has an index that ends in (at, id); see compliance.migrations.0018.
WAYS = {
    "all": "true",
    "about": "about = %s",
    "actor": "actor = %s",
    "kind": "kind = %s",
    "client_id": "facts ? 'client_id' and facts -> 'client_id' = to_jsonb(%s::bigint)",
    "campaign_id": "facts ? 'campaign_id' and facts -> 'campaign_id' = to_jsonb(%s::bigint)",
    "digest": "facts ? 'digest' and facts -> 'digest' = to_jsonb(%s::text)",
}
BRANCH = """
(select {n} as branch, id, at, {fits} as fits from compliance_ledgerentry
where {way} and at >= %s and at < %s and (at, id) < (%s, %s)
order by at desc, id desc
limit %s)
"""
KINDS = """
with recursive kinds as (
    (select kind from compliance_ledgerentry order by kind limit 1)
    union all
    select (select e.kind from compliance_ledgerentry e where e.kind > k.kind order by e.kind limit 1)
    from kinds k
    where k.kind is not null
)
select kind from kinds where kind is not null order by 1
"""
KEYS_BY_FACT = """
select distinct substring(about from position(':' in about) + 1) from compliance_ledgerentry
where about like %(prefix)s and facts ? 'slug' and facts -> 'slug' = to_jsonb(%(value)s::text)
"""
RUNS = """
with runs as materialized (  -- few; a campaign's messages, which the planner would walk instead, are many
    select about, facts from compliance_ledgerentry where about like 'campaigns\\_run:%%'
)
select distinct about from runs where facts -> 'campaign_id' = to_jsonb(%(campaign)s::bigint)
"""
AS_OF = """
select id, kind, facts::text, at, actor from compliance_ledgerentry
where about = %(about)s and starts_with(kind, 'row.') and at <= %(at)s
order by at desc, id desc
limit 1
"""
ALL_AS_OF = """
select distinct on (about) id, kind, facts::text, at, actor, about from compliance_ledgerentry
where about like %(prefix)s and starts_with(kind, 'row.') and at <= %(at)s
order by about using ~<~, at desc, id desc
"""
FACT_AS_OF = """
select distinct on (about) id, kind, facts::text, at, actor, about from compliance_ledgerentry
where facts ? '{fact}' and facts -> '{fact}' = to_jsonb(%(value)s::bigint) and about like %(prefix)s
    and starts_with(kind, 'row.') and at <= %(at)s
order by about, at desc, id desc
"""
BESIDE = """
(select l.index, e.id, e.kind, e.about from compliance_ledgerleaf l join compliance_ledgerentry e on e.id = l.entry_id
where l.index between %(index)s - 1 and %(index)s + 1)
order by 1
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A search: the ways that lead to entries (any of them), and what else each must fit (one of each group).

    since, until  the span of `at`, until excluded · below  (at, id) of the last entry seen
    """

    ways: Sequence[Way]
    fits: Sequence[Sequence[Way]]
    since: datetime
    until: datetime
    below: tuple[datetime, int]


def found(asked: Asked, *, limit: int) -> tuple[list[int], tuple[datetime, int] | None]:
    """(numbers of up to `limit` entries, newest first; where the next page begins, None at the end).

    At most MOST entries are looked at, whatever is asked: then the page may hold fewer and goes on from there.
    """
    ways = list(asked.ways)
    most = max(limit + 1, MOST // max(1, len(ways))) if asked.fits else limit + 1
    fits = " and ".join(f"({' or '.join(WAYS[name] for name, _ in group)})" for group in asked.fits) or "true"
    parts, params = [], []
    for n, (name, value) in enumerate(ways):
        parts.append(BRANCH.format(n=n, fits=fits, way=WAYS[name]))
        params += [one for group in asked.fits for _, one in group]
        params += [] if name == "all" else [value]
        params += [asked.since, asked.until, *asked.below, most]
    rows: dict[tuple[datetime, int], bool] = {}
    walked: dict[int, list[tuple[datetime, int]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(" union all ".join(parts), params)
        for branch, number, at, fit in cursor.fetchall():
            rows[at, number] = fit
            walked.setdefault(branch, []).append((at, number))
    # Below the last entry of a branch that was cut short, that branch may hold more: nothing there is shown yet.
    floor = max((one[-1] for one in walked.values() if len(one) == most), default=None)
    shown = sorted((place for place, fit in rows.items() if fit and (floor is None or place >= floor)), reverse=True)
    if len(shown) > limit:
        return [number for _, number in shown[:limit]], shown[limit - 1]
    return [number for _, number in shown], floor


def kinds(prefix: str) -> list[str]:
    """The deeds there are that begin with these letters, read off the index one by one."""
    with connection.cursor() as cursor:
        cursor.execute(KINDS)
        return [one for (one,) in cursor.fetchall() if one.startswith(prefix)]


def campaigns_called(slug: str) -> list[int]:
    """The numbers of campaigns that ever had this slug."""
    with connection.cursor() as cursor:
        cursor.execute(KEYS_BY_FACT, {"prefix": "campaigns\\_campaign:%", "value": slug})
        return [int(one) for (one,) in cursor.fetchall()]


def runs_of(campaign: int) -> list[str]:
    """The ledger's names of a campaign's runs."""
    with connection.cursor() as cursor:
        cursor.execute(RUNS, {"campaign": campaign})
        return [one for (one,) in cursor.fetchall()]


def as_of(about: str, *, at: datetime) -> tuple[Any, ...] | None:
    """(entry, kind, image as JSON text, when, who) of a row's newest image up to an instant."""
    with connection.cursor() as cursor:
        cursor.execute(AS_OF, {"about": about, "at": at})
        return cursor.fetchone()


def all_as_of(table: str, *, at: datetime, fact: str = "", value: int = 0) -> list[tuple[Any, ...]]:
    """The same and the row's name, for each row of a table; with `fact`, of those rows alone that hold this value."""
    given = {"prefix": f"{table.replace('_', chr(92) + '_')}:%", "at": at, "value": value}
    with connection.cursor() as cursor:
        cursor.execute(FACT_AS_OF.format(fact=fact) if fact else ALL_AS_OF, given)
        return cursor.fetchall()


def beside(index: int) -> list[tuple[int, int, str, str]]:
    """(leaf, entry, kind, about) of a leaf and its neighbours in the tree."""
    with connection.cursor() as cursor:
        cursor.execute(BESIDE, {"index": index})
        return cursor.fetchall()
