"""Set-based SQL of learning: past decisions with what the client did afterwards."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from campaigns.bulk.success import METRIC_DAYS, succeeded

# Decisions that were carried out (or not to write now, or held out on purpose), old enough that the metric had its
# time. The features are those that the decision saw. As in results, success is a track event or an outcome of the
# metric's name in that time.
FROM = """
from campaigns_message m
join campaigns_campaign c on c.id = m.campaign_id
"""
MATURED = """
where (%(campaign)s = '' or c.slug = %(campaign)s)
and m.run_id is not null
and (m.state in ('sent', 'shown') or (m.arm = 'holdout' and m.reason = 'holdout') or m.reason = 'not_now')
and length(m.features) > 0
and m.decided_at + make_interval(days => c.metric_days) <= %(at)s
"""
COLUMNS = (
    """
select m.run_id, m.choice, m.closed, m.features, m.feature_version, m.propensity,
    extract(epoch from m.decided_at)::bigint,
    (m.arm = 'personalised' or (m.arm = 'holdout' and m.propensity < 1)),
    """
    + succeeded()
    + ", m.policy, m.artefact_id, m.client_id"
)
WANTED = (
    MATURED
    + """
and c.use_case = %(use_case)s
and m.decided_at >= %(since)s
and m.decided_at < %(until)s
order by m.decided_at, m.id
limit %(limit)s
"""
)
EXAMPLES = COLUMNS + FROM + WANTED
# Whether it was opened, where the client lets us measure; and whether it served: the client reached what the campaign
# is for, neither left nor complained, and did not say that they were dissatisfied.
CAME = (
    COLUMNS  # noqa: S608 - constants of ours
    + """,
    case when m.merge ->> 'measure' = 'true' and (back.opened or not back.machine) then back.opened end,
    not back.harmed and ("""
    + succeeded()
    + """) and not exists (
        select from personalize_outcome o
        where o.client_id = m.client_id
        and (o.kind = 'complaint' or (o.kind = 'satisfaction' and o.value < 0.5))
        and o.at > m.decided_at
        and o.at <= """
    + METRIC_DAYS
    + ")"
    + FROM
    + """
cross join lateral (
    select coalesce(bool_or(i.kind in ('open', 'click') and i.is_human), false) as opened,
        coalesce(bool_or(i.kind = 'open' and not i.is_human), false) as machine,
        coalesce(bool_or(i.kind in ('unsubscribe', 'complaint')), false) as harmed
    from campaigns_interaction i
    where i.message_id = m.id
    and i.at <= """
    + METRIC_DAYS
    + ") back"
    + WANTED
)
COUNTS = (
    """
select c.use_case, count(*),
    count(*) filter (where """
    + succeeded()
    + ")"
    + FROM
    + MATURED
    + "group by c.use_case"
)
PLANS = """
select r.id, r.plan
from campaigns_run r
join campaigns_campaign c on c.id = r.campaign_id
where c.use_case = %(use_case)s
and (%(campaign)s = '' or c.slug = %(campaign)s)
order by r.id
"""


def rows(
    use_case: str, *, campaign: str, since: datetime, until: datetime, limit: int, at: datetime, came: bool = False
) -> Iterator[list[tuple[Any, ...]]]:
    """Pages of rows, oldest first, of decisions from `since` until before `until`.

    (run, choice, closed, features, version, propensity, epoch seconds, drawn by chance, succeeded, policy, artefact,
    client)
    came  with two more columns: opened, None where it is not known, and served
    """
    wanted = {"use_case": use_case, "campaign": campaign, "since": since, "until": until, "limit": limit, "at": at}
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(CAME if came else EXAMPLES, wanted)
        while page := cursor.fetchmany(10_000):
            yield page


def plans(use_case: str, *, campaign: str) -> dict[int, Any]:
    """The plan of every run of a use case, by run."""
    with connection.cursor() as cursor:
        cursor.execute(PLANS, {"use_case": use_case, "campaign": campaign})
        return dict(cursor.fetchall())


def counts(*, at: datetime) -> dict[str, tuple[int, int]]:
    """(matured decisions, successes) by use case."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, {"campaign": "", "at": at})
        return {use_case: (n, successes) for use_case, n, successes in cursor.fetchall()}
