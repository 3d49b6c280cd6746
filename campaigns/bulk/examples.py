"""Set-based SQL of learning: past decisions with what the client did afterwards."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from campaigns.bulk.success import succeeded

# Decisions that were carried out (or not to write now, or held out on purpose), old enough that the metric had its
# time. The features are those that the decision saw. As in results, success is a track event or an outcome of the
# metric's name in that time.
MATURED = """
from campaigns_message m
join campaigns_campaign c on c.id = m.campaign_id
where (%(campaign)s = '' or c.slug = %(campaign)s)
and m.run_id is not null
and (m.state in ('sent', 'shown') or (m.arm = 'holdout' and m.reason = 'holdout') or m.reason = 'not_now')
and length(m.features) > 0
and m.decided_at + make_interval(days => c.metric_days) <= %(at)s
"""
EXAMPLES = (
    """
select m.run_id, m.choice, m.closed, m.features, m.feature_version, m.propensity,
    extract(epoch from m.decided_at)::bigint,
    (m.arm = 'personalised' or (m.arm = 'holdout' and m.propensity < 1)),
    """
    + succeeded()
    + ", m.policy, m.artefact_id"
    + MATURED
    + """
and c.use_case = %(use_case)s
and m.decided_at >= %(since)s
and m.decided_at < %(until)s
order by m.decided_at, m.id
limit %(limit)s
"""
)
COUNTS = (
    """
select c.use_case, count(*),
    count(*) filter (where """
    + succeeded()
    + ")"
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
    use_case: str, *, campaign: str, since: datetime, until: datetime, limit: int, at: datetime
) -> Iterator[list[tuple[Any, ...]]]:
    """Pages of rows, oldest first, of decisions from `since` until before `until`.

    (run, choice, closed, features, version, propensity, epoch seconds, drawn by chance, succeeded, policy, artefact)
    """
    wanted = {"use_case": use_case, "campaign": campaign, "since": since, "until": until, "limit": limit, "at": at}
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(EXAMPLES, wanted)
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
