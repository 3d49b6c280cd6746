"""Set-based SQL of trials: decisions that a shadow has not judged yet, its own, and what came of a canary's."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from campaigns.bulk.success import METRIC_DAYS, succeeded

# Only what had a choice, was made by chance, and reached the client: nothing else can be weighed.
DECIDED = """
from campaigns_message m
join campaigns_campaign c on c.id = m.campaign_id
join campaigns_run r on r.id = m.run_id
where (c.use_case = %(use_case)s or c.use_case || '-' || c.id = %(use_case)s)
and m.arm = 'personalised'
and m.state in ('sent', 'shown')
and m.propensity < 1
and m.decided_at >= %(since)s
and length(m.features) > 0
"""
UNDECIDED = (
    """
select m.id, m.run_id, m.client_id, m.decided_at, m.choice, m.closed, m.features, m.own
"""
    + DECIDED
    + """
and not exists (
    select from campaigns_shadowdecision s
    where s.artefact_id = %(artefact)s
    and s.message_id = m.id
)
order by m.decided_at, m.run_id, m.id
limit %(limit)s
"""
)
KEEP = """
copy campaigns_shadowdecision (artefact_id, message_id, choice, propensity, likely, at) from stdin
"""
DID = succeeded(until=f"least({METRIC_DAYS}, %(at)s)")
# Success as in results; harm is an opt-out or a complaint within 30 days.
CAME = (
    """
    coalesce((
        select bool_or(i.kind in ('open', 'click') and i.is_human)
        from campaigns_interaction i
        where i.message_id = m.id
    ), false) as opened,
    coalesce((
        select bool_or(i.kind in ('unsubscribe', 'complaint'))
        from campaigns_interaction i
        where i.message_id = m.id
    ), false) or exists (
        select from personalize_outcome o
        where o.client_id = m.client_id
        and o.kind = 'complaint'
        and o.value > 0
        and o.at > m.decided_at
        and o.at <= m.decided_at + interval '30 days'
    ) as harmed,
    m.decided_at + make_interval(days => c.metric_days) <= %(at)s as matured,
    """  # noqa: S608 - constants of ours
    + DID
    + " as succeeded\n"
)
SHADOW = (
    """
select s.likely / m.propensity, s.choice = m.choice,
"""
    + CAME
    + """
from campaigns_shadowdecision s
join campaigns_message m on m.id = s.message_id
join campaigns_campaign c on c.id = m.campaign_id
where s.artefact_id = %(artefact)s
and m.decided_at >= %(since)s
order by m.id
limit %(limit)s
"""
)
OF_CANARY = (
    """
from campaigns_message m
join campaigns_run r on r.id = m.run_id
join campaigns_campaign c on c.id = m.campaign_id
cross join lateral (
    select
"""
    + CAME
    + """
) came
where (r.plan -> 'canary' ->> 'artefact')::bigint = %(artefact)s
and m.arm = 'personalised'
and m.state in ('sent', 'shown')
and m.decided_at >= %(since)s
group by 1
"""
)
SIDES = (
    """
select coalesce(m.artefact_id = %(artefact)s, false), count(*), count(*) filter (where came.opened),
    count(*) filter (where came.harmed), count(*) filter (where came.matured),
    count(*) filter (where came.matured and came.succeeded)
"""
    + OF_CANARY
)


def undecided(artefact_id: int, use_case: str, *, since: datetime, limit: int) -> list[tuple[Any, ...]]:
    """(message, run, client, when, choice, closed, features, own) of decisions since then that a shadow has not made.

    use_case  of the model: a use case's name, or that of one campaign's policies
    """
    asked = {"artefact": artefact_id, "use_case": use_case, "since": since, "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(UNDECIDED, asked)
        return list(cursor.fetchall())


def keep(rows: Sequence[tuple[Any, ...]]) -> None:
    """Write shadow decisions: (artefact, message, choice, propensity, likely, at)."""
    with connection.cursor() as cursor:
        cursor.execute("select 1")  # lets `acting` stamp the connection, which COPY by itself would not
        with cursor.copy(KEEP) as into:
            for row in rows:
                into.write_row(row)


def shadow(artefact_id: int, *, since: datetime, limit: int, at: datetime) -> list[tuple[Any, ...]]:
    """(weight, same choice, opened, harmed, matured, succeeded) of the decisions that a shadow made since then."""
    with connection.cursor() as cursor:
        cursor.execute(SHADOW, {"artefact": artefact_id, "since": since, "limit": limit, "at": at})
        return list(cursor.fetchall())


def sides(artefact_id: int, *, since: datetime, at: datetime) -> dict[bool, tuple[int, ...]]:
    """Is it the canary's → (reached, opened, harmed, matured, succeeded), of the runs that it took part in."""
    with connection.cursor() as cursor:
        cursor.execute(SIDES, {"artefact": artefact_id, "since": since, "at": at})
        return {mine: tuple(counts) for mine, *counts in cursor.fetchall()}
