"""Set-based SQL for what a campaign achieved, by side of the experiment."""

from datetime import datetime
from typing import Any

from django.db import connection

# Everybody who could have been written to, whatever side they drew: those we might not write to when the sides were
# drawn are on no side. Who was lost after that (no fitting block, a rejected text) stays on the side they drew.
# An outcome counts from the decision on, so that the holdout, which gets nothing, is measured alike.
SIDES = """
with side as (
    select m.id, m.client_id, m.arm, m.state, m.decided_at
    from campaigns_message m
    where m.campaign_id = %(campaign)s
    and (m.state <> 'suppressed' or m.mime_sha256 is not null or not (m.reason = any(%(barred)s)))
),
metric as (
    select happened.id,
        min(happened.at) as first_at
    from (
        select side.id, e.occurred_at as at
        from side
        join personalize_event e on e.client_id = side.client_id
        where e.type = 'track'
        and e.name = %(metric)s
        and e.occurred_at > side.decided_at
        and e.occurred_at <= least(side.decided_at + make_interval(days => %(days)s), %(at)s)
        union all
        select side.id, o.at
        from side
        join personalize_outcome o on o.client_id = side.client_id
        where o.kind = %(metric)s
        and o.value > 0
        and o.at > side.decided_at
        and o.at <= least(side.decided_at + make_interval(days => %(days)s), %(at)s)
    ) happened
    group by happened.id
)
"""

ARMS = (
    SIDES  # noqa: S608 - a constant of ours
    + """,
back as (
    select i.message_id,
        bool_or(i.kind = 'open' and i.is_human) as opened,
        bool_or(i.kind = 'open' and not i.is_human) as machine_opened,
        bool_or(i.kind = 'click' and i.is_human) as clicked,
        bool_or(i.kind = 'unsubscribe') as unsubscribed,
        bool_or(i.kind = 'complaint') as complained
    from campaigns_interaction i
    join side on side.id = i.message_id
    group by i.message_id
),
later as (
    select side.id,
        bool_or(o.kind = 'complaint') as complained,
        avg(o.value) filter (where o.kind = 'satisfaction') as satisfaction
    from side
    join personalize_outcome o
        on o.client_id = side.client_id
        and o.kind in ('complaint', 'satisfaction')
        and o.at > side.decided_at
        and o.at <= least(side.decided_at + make_interval(days => %(days)s), %(at)s)
    group by side.id
)
select side.arm,
    count(*) as n,
    count(*) filter (where side.state in ('sent', 'shown')) as sent,
    count(*) filter (where back.opened) as opens,
    count(*) filter (where back.machine_opened and not coalesce(back.opened, false)) as machine_opens,
    count(*) filter (where back.clicked) as clicks,
    count(*) filter (where back.unsubscribed) as unsubscribes,
    count(*) filter (where coalesce(back.complained, false) or coalesce(later.complained, false)) as complaints,
    count(metric.first_at) as outcomes,
    count(*) filter (where side.decided_at + make_interval(days => %(days)s) <= %(at)s) as matured,
    count(later.satisfaction) as satisfaction_n,
    avg(later.satisfaction) as satisfaction
from side
left join back on back.message_id = side.id
left join metric on metric.id = side.id
left join later on later.id = side.id
group by side.arm
order by side.arm
"""
)

SERIES = (
    SIDES  # noqa: S608 - a constant of ours
    + """,
day as (
    select side.arm, (metric.first_at at time zone 'UTC')::date as on_day, count(*) as outcomes
    from side
    join metric on metric.id = side.id
    group by 1, 2
),
size as (
    select arm, count(*) as n from side group by arm
)
select day.on_day, day.arm, sum(day.outcomes) over (partition by day.arm order by day.on_day)::float8 / size.n as share
from day
join size on size.arm = day.arm
order by day.on_day, day.arm
"""
)

# What each candidate achieved among those who were drawn for it; the holdout's choice is -1 everywhere. Kind '' counts
# the clients, every other kind those of them to whom it happened.
CANDIDATES = (
    SIDES  # noqa: S608 - a constant of ours
    + """,
chosen as materialized (
    select side.id, side.client_id, side.decided_at, m.run_id, (part.ord - 1)::int as slot, part.choice::int as choice
    from side
    join campaigns_message m on m.id = side.id
    cross join lateral unnest(m.choice) with ordinality as part (choice, ord)
    where side.arm <> 'control'
    and m.run_id is not null
)
select run_id, slot, choice, '' as kind, count(*) as n
from chosen
group by 1, 2, 3
union all
select chosen.run_id, chosen.slot, chosen.choice, %(metric)s, count(*)
from chosen
join metric on metric.id = chosen.id
group by 1, 2, 3
union all
select chosen.run_id, chosen.slot, chosen.choice, o.kind, count(distinct chosen.id)
from chosen
join personalize_outcome o on o.client_id = chosen.client_id
where o.kind <> all(%(apart)s)
and o.kind <> %(metric)s
and o.value > 0
and o.at > chosen.decided_at
and o.at <= least(chosen.decided_at + make_interval(days => %(days)s), %(at)s)
group by 1, 2, 3, 4
"""
)
APART = ["complaint", "satisfaction"]  # told by side


def arms(campaign_id: int, *, metric: str, days: int, barred: list[str], at: datetime) -> list[dict[str, Any]]:
    """One row per side of the experiment: counts of what was sent and what came back by `at`.

    barred  the reasons that kept a client out before the sides mattered: consent, address, caps
    """
    return _rows(ARMS, campaign_id, metric=metric, days=days, barred=barred, at=at)


def series(campaign_id: int, *, metric: str, days: int, barred: list[str], at: datetime) -> list[dict[str, Any]]:
    """Cumulative share of each side that reached the metric, by UTC day."""
    return _rows(SERIES, campaign_id, metric=metric, days=days, barred=barred, at=at)


def candidates(campaign_id: int, *, metric: str, days: int, barred: list[str], at: datetime) -> list[dict[str, Any]]:
    """(run_id, slot number, choice, kind, n): how many each candidate was chosen for, and what happened to them."""
    return _rows(CANDIDATES, campaign_id, metric=metric, days=days, barred=barred, at=at, apart=APART)


def _rows(sql: str, campaign_id: int, **values: Any) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"campaign": campaign_id, **values})
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
