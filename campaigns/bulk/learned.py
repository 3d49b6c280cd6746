"""Set-based SQL of learned policies: what clients had lately, what is their own, and what came back."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from django.db import connection, transaction

from campaigns.bulk.success import succeeded
from compliance.bulk.binary import copy_in, copy_out

# Whatever may have reached the client counts, from whichever campaign; 60 days ago is as good as never.
PRESSURE = """
select m.client_id,
    count(*) filter (where m.intent_at > %(at)s - interval '7 days') as week,
    count(*) filter (where m.intent_at > %(at)s - interval '14 days') as fortnight,
    extract(epoch from %(at)s - max(m.intent_at))::float8 / 86400 as days
from campaigns_message m
where m.client_id = any(%(ids)s::bigint[])
and m.intent_at > %(at)s - interval '60 days'
and m.intent_at <= %(at)s
and m.state in ('intent', 'sent', 'unconfirmed')
group by m.client_id
"""
# A habit that knows fewer levels is filled up with zeros; one that knows more is cut.
HABITS = """
select h.client_id, extract(epoch from h.at)::float8, substring(h.vector || %(zeros)s from 1 for %(width)s)
from campaigns_habit h
where h.campaign_id = %(campaign)s
and h.client_id = any(%(ids)s::bigint[])
order by h.client_id
"""
STAGE = """
create temp table if not exists fresh_habit (client_id bigint, vector bytea) on commit delete rows
"""
KEEP = """
insert into campaigns_habit as h (client_id, campaign_id, vector, at)
select f.client_id, %(campaign)s, f.vector, %(at)s
from fresh_habit f
join compliance_client c on c.id = f.client_id
order by f.client_id
on conflict (client_id, campaign_id) do update set vector = excluded.vector, at = excluded.at
"""
DID = succeeded(since="m.sent_at", until="m.sent_at + make_interval(days => %(gain)s)")
# One row a message that was sent in the time asked for, with what came back in the time that each result is given.
# An open is known only where the client lets us measure, and not where nothing but a machine fetched the picture.
RESULTS = (
    """
select m.client_id, m.run_id, m.choice, m.features, m.own, extract(epoch from m.sent_at)::bigint,
    m.arm = 'control',
    case when m.merge ->> 'measure' = 'true' and (back.opened or not back.machine) then back.opened end,
    back.harmed,
    back.clicked,
    """  # noqa: S608 - constants of ours
    + DID
    + """ as succeeded,
    (
        select avg(case o.kind when 'complaint' then -1 else greatest(-1, least(1, 2 * o.value - 1)) end)
        from personalize_outcome o
        where o.client_id = m.client_id
        and o.kind in ('complaint', 'satisfaction')
        and o.at > m.sent_at
        and o.at <= m.sent_at + make_interval(days => %(quality)s)
    ) as quality
from campaigns_message m
join campaigns_campaign c on c.id = m.campaign_id
cross join lateral (
    select coalesce(bool_or(i.kind in ('open', 'click') and i.is_human
            and i.at <= m.sent_at + make_interval(days => %(open)s)), false) as opened,
        coalesce(bool_or(i.kind = 'open' and not i.is_human), false) as machine,
        coalesce(bool_or(i.kind in ('unsubscribe', 'complaint')
            and i.at <= m.sent_at + make_interval(days => %(open)s)), false) as harmed,
        coalesce(bool_or(i.kind = 'click' and i.is_human
            and i.at <= m.sent_at + make_interval(days => %(gain)s)), false) as clicked
    from campaigns_interaction i
    where i.message_id = m.id
) back
where m.campaign_id = %(campaign)s
and m.state = 'sent'
and m.sent_at > to_timestamp(%(since)s)
and m.sent_at <= to_timestamp(%(until)s)
and length(m.features) > 0
order by m.sent_at, m.id
limit %(limit)s
"""
)
MATURED = """
select m.campaign_id, count(*), count(*) filter (where exists (
    select from campaigns_interaction i
    where i.message_id = m.id
    and i.kind in ('open', 'click')
    and i.is_human
))
from campaigns_message m
where m.campaign_id = any(%(campaigns)s)
and m.state = 'sent'
and length(m.features) > 0
and m.sent_at <= %(at)s - make_interval(days => %(open)s)
group by m.campaign_id
"""
LOCK = 740_302  # the number under which learners of one campaign wait for each other
SENT_ROW = np.dtype(
    [("n", ">i2"), ("l1", ">i4"), ("client", ">i8"), ("l2", ">i4"), ("week", ">i8"), ("l3", ">i4"),
     ("fortnight", ">i8"), ("l4", ">i4"), ("days", ">f8")]
)  # fmt: skip


def pressure(ids: np.ndarray, *, at: datetime) -> np.ndarray:
    """For each client sends in 7 and in 14 days and days since the last, 60 where there was none: (n, 3) float32."""
    rows = copy_out(PRESSURE, {"ids": ids.tolist(), "at": at}, SENT_ROW)
    out = np.tile(np.array([0.0, 0.0, 60.0], np.float32), (len(ids), 1))
    if not len(rows):
        return out
    order = np.argsort(ids, kind="stable")
    place = order[np.searchsorted(ids, rows["client"].astype(np.int64), sorter=order)]
    for column, name in enumerate(("week", "fortnight", "days")):
        out[place, column] = rows[name]
    return out


def habits(campaign_id: int, ids: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(client ids ascending, epoch seconds, vectors (m, width)) of those of these clients who have a habit."""
    row = np.dtype(
        [("n", ">i2"), ("l1", ">i4"), ("client", ">i8"), ("l2", ">i4"), ("at", ">f8"), ("l3", ">i4"),
         ("vector", "<f4", (width,))]
    )  # fmt: skip
    asked = {"campaign": campaign_id, "ids": ids.tolist(), "zeros": bytes(4 * width), "width": 4 * width}
    rows = copy_out(HABITS, asked, row)
    return rows["client"].astype(np.int64), rows["at"].astype(np.float64), rows["vector"].astype(np.float32)


@transaction.atomic
def keep_habits(campaign_id: int, ids: np.ndarray, vectors: np.ndarray, *, at: datetime) -> None:
    """Write one vector (n, W) a client, replacing older ones."""
    width = 4 * vectors.shape[1]
    row = np.dtype([("n", ">i2"), ("l1", ">i4"), ("client", ">i8"), ("l2", ">i4"), ("vector", f"V{width}")])
    rows = np.zeros(len(ids), row)
    rows["n"], rows["l1"], rows["l2"], rows["client"] = 2, 8, width, ids
    rows["vector"] = np.ascontiguousarray(vectors, "<f4").view(f"V{width}")[:, 0]
    with connection.cursor() as cursor:
        cursor.execute(STAGE)
        copy_in(cursor, "copy fresh_habit from stdin (format binary)", rows)
        cursor.execute(KEEP, {"campaign": campaign_id, "at": at})
        cursor.execute("truncate fresh_habit")


def results(
    campaign_id: int, *, since: int, until: int, days: dict[str, int], limit: int
) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Pages of what was sent after `since` up to `until` (epoch seconds), oldest first, with what came back.

    (client, run, choice, features, own, sent, is control, opened or None, harmed, clicked, succeeded, quality or None)
    days  how long each result is given: "open", "gain", "quality"
    """
    asked = {"campaign": campaign_id, "since": since, "until": until, "limit": limit, **days}
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(RESULTS, asked)
        while page := cursor.fetchmany(10_000):
            yield page


def matured(campaign_ids: Sequence[int], *, days: int, at: datetime) -> dict[int, tuple[int, int]]:
    """Campaign → (its messages whose open had its time, those that a person opened); none that has no such message."""
    with connection.cursor() as cursor:
        cursor.execute(MATURED, {"campaigns": list(campaign_ids), "open": days, "at": at})
        return {campaign: (n, opened) for campaign, n, opened in cursor.fetchall()}


def alone(campaign_id: int) -> bool:
    """One writer a campaign, until the transaction ends; False while another one is at it."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s, %s)", [LOCK, campaign_id % 2**31])
        return bool(cursor.fetchone()[0])
