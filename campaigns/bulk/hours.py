"""Set-based SQL of send hours: when clients read, where they live, what was drawn, and what came of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from django.db import connection

from compliance.bulk.binary import copy_in, copy_out

# One reading is one hour of one local day in which the client opened, clicked or visited, however often.
READINGS = """
select w.client_id, extract(hour from w.slot)::int2, count(*)
from (
    select distinct c.id as client_id, date_trunc('hour', s.at at time zone z.name) as slot
    from compliance_client c
    cross join lateral (select campaigns_zone(c.timezone) as name) z
    cross join lateral (
        select e.occurred_at as at
        from personalize_event e
        where e.client_id = c.id
        and e.occurred_at > %(at)s - interval '90 days'
        and e.occurred_at <= %(at)s
        and e.type in ('track', 'page', 'screen')
        union all
        select i.at
        from campaigns_message m
        join campaigns_interaction i on i.message_id = m.id
        where m.client_id = c.id
        and m.intent_at > %(at)s - interval '90 days'
        and i.is_human
        and i.kind in ('open', 'click')
        and i.at <= %(at)s
    ) s
    where c.id = any(%(ids)s::bigint[])
) w
group by 1, 2
order by 1, 2
"""
ROW = np.dtype([("n", ">i2"), ("l1", ">i4"), ("client", ">i8"), ("l2", ">i4"), ("hour", ">i2"), ("l3", ">i4"),
                ("count", ">i8")])  # fmt: skip
# Every so-many-th client, so that a night's count costs the same however many there are.
SAMPLE = """
select c.id
from compliance_client c
where c.merged_into_id is null
and c.erased_at is null
and c.id %% greatest(1, (select count(*) from compliance_client) / %(most)s) = 0
order by c.id
limit %(most)s
"""
PLACES = """
select c.timezone, coalesce(p.hours, ''), array_agg(c.id order by c.id)
from compliance_client c
left join compliance_preference p on p.client_id = c.id
where c.id = any(%(ids)s::bigint[])
group by 1, 2
order by 1, 2
"""
COPY = """
copy campaigns_hourchoice (message_id, hour, propensity, is_rule, is_open, readings, due_at)
from stdin (format binary)
"""
DRAWN = np.dtype(
    [("n", ">i2"), ("l1", ">i4"), ("message", "V16"), ("l2", ">i4"), ("hour", ">i2"), ("l3", ">i4"),
     ("propensity", ">f8"), ("l4", ">i4"), ("is_rule", "?"), ("l5", ">i4"), ("is_open", ">i4"), ("l6", ">i4"),
     ("readings", "<u2", (24,)), ("l7", ">i4"), ("due_at", ">i8")]
)  # fmt: skip
# Only where a person's open could be seen, and a draw was more than the rule for all.
EFFECT = """
select h.hour, h.is_rule, count(*), count(*) filter (where exists (
    select from campaigns_interaction i
    where i.message_id = m.id
    and i.kind in ('open', 'click')
    and i.is_human
    and i.at <= m.sent_at + interval '1 day'
))
from campaigns_hourchoice h
join campaigns_message m on m.id = h.message_id
where h.due_at > %(at)s - interval '90 days'
and m.sent_at <= %(at)s - interval '1 day'
and m.sent_at < h.due_at + interval '1 hour'
and m.state = 'sent'
and m.merge ->> 'measure' = 'true'
and (not h.is_rule or h.propensity < 1)
group by h.hour, h.is_rule
order by h.hour, h.is_rule
"""


def readings(ids: np.ndarray, *, at: datetime) -> np.ndarray:
    """How often each client read in each hour of their own day in the last 90 days: (n, 24) uint16. ids ascending"""
    out = np.zeros((len(ids), 24), np.uint16)
    rows = copy_out(READINGS, {"ids": ids.tolist(), "at": at}, ROW)
    if len(rows):
        out[np.searchsorted(ids, rows["client"].astype(np.int64)), rows["hour"].astype(np.intp)] = rows["count"]
    return out


def sample(*, most: int) -> np.ndarray:
    """Up to `most` clients, spread over all, ascending."""
    return np.array([one for (one,) in _rows(SAMPLE, {"most": most})], np.int64)


def places(ids: np.ndarray) -> list[tuple[str, str, np.ndarray]]:
    """(time zone, hours wished, ids ascending) for each that occurs among these clients."""
    return [(zone, hours, np.array(some, np.int64)) for zone, hours, some in _rows(PLACES, {"ids": ids.tolist()})]


def keep(rows: np.ndarray) -> None:
    """Write what was drawn; rows of DRAWN without their lengths."""
    for number, name in enumerate(("message", "hour", "propensity", "is_rule", "is_open", "readings", "due_at"), 1):
        rows[f"l{number}"] = DRAWN[name].itemsize
    rows["n"] = 7
    with connection.cursor() as cursor:
        copy_in(cursor, COPY, rows)


def effect(*, at: datetime) -> Sequence[tuple[int, bool, int, int]]:
    """(hour, by the rule, sent, opened within a day) of the messages whose hour was drawn, 90 days back."""
    return _rows(EFFECT, {"at": at})


def _rows(sql: str, values: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()
