"""What counts as success: the client did what the campaign is for, or an outcome of that name came, in time."""

# In a statement in which `m` is the message and `c` its campaign.
SUCCEEDED = """
exists (
    select from personalize_event e
    where e.client_id = m.client_id
    and e.type = 'track'
    and e.name = c.success_metric
    and e.occurred_at > {since}
    and e.occurred_at <= {until}
)
or exists (
    select from personalize_outcome o
    where o.client_id = m.client_id
    and o.kind = c.success_metric
    and o.value > 0
    and o.at > {since}
    and o.at <= {until}
)
"""
METRIC_DAYS = "m.decided_at + make_interval(days => c.metric_days)"  # the campaign's whole time to act


def succeeded(*, since: str = "m.decided_at", until: str = METRIC_DAYS) -> str:
    """The condition, between two moments given as SQL of ours."""
    return SUCCEEDED.format(since=since, until=until)
