"""Set-based SQL of what came of messages, one row a campaign, side and client."""

from typing import Any

import numpy as np
from django.db.models import QuerySet

from campaigns.models import Arm, Message
from compliance.bulk.binary import copy_out
from compliance.models import Jurisdiction

ARMS, PLACES = tuple(Arm.values), tuple(Jurisdiction.values)
COUNTS = ("sent", "opened", "clicked", "unsubscribed", "complained", "bounced", "reached")
OUTCOMES = """
with mine as materialized ({messages}),
back as (
    select i.message_id,
        bool_or(i.kind = 'open' and i.is_human) as opened,
        bool_or(i.kind = 'click' and i.is_human) as clicked,
        bool_or(i.kind = 'unsubscribe') as unsubscribed,
        bool_or(i.kind = 'complaint') as complained,
        bool_or(i.kind = 'bounce') as bounced
    from campaigns_interaction i
    join mine on mine.id = i.message_id
    group by i.message_id
)
select m.campaign_id,
    (array_position(%s::text[], m.arm::text) - 1)::int2,
    m.client_id,
    (array_position(%s::text[], k.jurisdiction::text) - 1)::int2,
    bool_or(m.state in ('sent', 'shown')),
    coalesce(bool_or(b.opened), false),
    coalesce(bool_or(b.clicked), false),
    coalesce(bool_or(b.unsubscribed), false),
    coalesce(bool_or(b.complained), false),
    coalesce(bool_or(b.bounced), false),
    bool_or(exists (
        select from personalize_event e
        where e.client_id = m.client_id and e.type = 'track' and e.name = c.success_metric
            and e.occurred_at > m.decided_at and e.occurred_at <= m.decided_at + make_interval(days => c.metric_days)
    ) or exists (
        select from personalize_outcome o
        where o.client_id = m.client_id and o.kind = c.success_metric and o.value > 0
            and o.at > m.decided_at and o.at <= m.decided_at + make_interval(days => c.metric_days)
    ))
from mine m
join campaigns_campaign c on c.id = m.campaign_id
join compliance_client k on k.id = m.client_id
left join back b on b.message_id = m.id
group by m.campaign_id, m.arm, m.client_id, k.jurisdiction
order by m.campaign_id, m.arm, m.client_id
"""
ROW = np.dtype([
    ("n", ">i2"), ("l0", ">i4"), ("campaign", ">i8"), ("l1", ">i4"), ("arm", ">i2"), ("l2", ">i4"), ("client", ">i8"),
    ("l3", ">i4"), ("place", ">i2"),
    *(part for number, name in enumerate(COUNTS, 4) for part in ((f"l{number}", ">i4"), (name, "?"))),
])  # fmt: skip


def outcomes(messages: QuerySet[Message]) -> np.ndarray:
    """(n,) with campaign, arm (a position in ARMS), client, place (in PLACES) and whether each of COUNTS happened."""
    asked = messages.order_by().values("id", "campaign_id", "client_id", "arm", "state", "decided_at")
    sql, parameters = asked.query.sql_with_params()
    given: list[Any] = [*parameters, list(ARMS), list(PLACES)]
    return copy_out(OUTCOMES.format(messages=sql), given, ROW)
