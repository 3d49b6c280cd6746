"""The hour of each message: drawn by exact probabilities inside what binds it, drawn again by whoever doubts it.

What binds it are the policy's window, quiet hours, the hours that the client wishes and the latest time; the last gate
asks about quiet hours, wishes and caps again when the hour has come.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from campaigns import bulk, quiet
from campaigns.bulk.hours import DRAWN
from campaigns.bulk.rows import EPOCH
from campaigns.hours import policy, pool
from campaigns.models import Campaign, HourChoice, Message, Run, SendHour
from compliance.models import Channel, Purpose
from personalize.decide import draws, hours
from personalize.decide.hours import DAY, OWN, Book

HOUR, SPREAD_S = timedelta(hours=1), 55 * 60  # messages of one hour leave over most of it, not all on its stroke
MICRO = timedelta(microseconds=1)
STREAM, WITHIN = "hour", "minute"
CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class Times:
    """due (n,) int64 microseconds since 2000, now where nothing was drawn · rows of `bulk.hours.DRAWN`, in `drawn`'s
    order · drawn (n,) bool
    """

    now: int
    due: np.ndarray
    rows: np.ndarray
    drawn: np.ndarray


def snapshot(campaign: Campaign, *, at: datetime) -> dict[str, Any] | None:
    """What a run's plan says of hours; None where its messages leave at once."""
    if campaign.send_hour != SendHour.LEARNED or campaign.channel != Channel.EMAIL:
        return None
    if campaign.purpose == Purpose.SERVICE:
        return None
    rule, counted = policy.in_force(at=at), pool.newest()
    if rule is None:
        return None
    nothing = {"pool": None, "share": [1 / DAY] * DAY, "concentration": 1.0, "readings": 0, "own": OWN}
    return {
        "policy": rule.pk,
        **{name: getattr(rule, name) for name in policy.USUAL},
        **(pool.plan(counted) if counted else nothing),
    }


def draw(run: Run, client_ids: np.ndarray, ids: np.ndarray, profiling: np.ndarray, *, at: datetime) -> Times | None:
    """The hours of these clients' messages; None where the run has no policy for them, or it stands no more.

    client_ids (n,) · ids (n,) V16 of their messages · profiling (n,) bool: whose activity may be used
    """
    plan = run.plan.get("hours")
    if plan is None or not policy.stands(plan["policy"], at=at):
        return None
    order = np.argsort(client_ids, kind="stable")
    clients = client_ids[order]
    counts = np.zeros((len(clients), DAY), np.uint16)
    if plan["readings"]:
        mine = profiling[order]
        counts[mine] = bulk.hours.readings(clients[mine], at=at)
    starts, is_open = _calendars(run, clients, at=at)
    picked = hours.pick(book(plan), counts, is_open, draw=draws.uniform(run.seed, clients, STREAM))
    found = picked.hour >= 0
    now = (at - EPOCH) // MICRO
    start = starts[np.arange(len(clients)), np.maximum(picked.hour, 0)]
    within = (draws.uniform(run.seed, clients, WITHIN) * SPREAD_S).astype(np.int64) * 1_000_000
    due = np.where(found, np.where(start > now, start + within, now), now)
    rows = np.zeros(len(clients), DRAWN)
    rows["message"], rows["hour"], rows["propensity"] = ids[order], picked.hour, picked.chance
    rows["is_rule"], rows["is_open"] = picked.is_rule, (is_open << np.arange(DAY)).sum(axis=1)
    rows["readings"], rows["due_at"] = counts, due
    back = np.argsort(order, kind="stable")
    return Times(now, due[back], rows[back], found[back])


def book(plan: dict[str, Any]) -> Book:
    """What the draw went by, from a run's plan."""
    return Book(np.array(plan["share"]), plan["concentration"], plan["readings"], plan["rule_hour"], plan["share_rule"])


def _calendars(run: Run, clients: np.ndarray, *, at: datetime) -> tuple[np.ndarray, np.ndarray]:
    """For each client when each hour of their day comes next (n, 24), and whether it is open (n, 24)."""
    starts, is_open = np.zeros((len(clients), DAY), np.int64), np.zeros((len(clients), DAY), bool)
    plan = run.plan["hours"]
    latest = at + timedelta(hours=plan["most_wait_hours"])
    if run.plan.get("latest_hours"):
        latest = min(latest, run.launched_at + timedelta(hours=run.plan["latest_hours"]))
    firm = quiet.awake(run.plan.get("quiet_hours", "")) & quiet.within(plan["first"], plan["last"])
    now, end = (at - EPOCH) // MICRO, (latest - EPOCH) // MICRO
    for zone, wish, some in bulk.hours.places(clients):
        rows, mine = np.searchsorted(clients, some), calendar(zone, at=at)
        last = np.where(mine > now, mine + SPREAD_S * 1_000_000, now)
        starts[rows] = mine
        is_open[rows] = firm & quiet.wished(wish) & (mine >= 0) & (last <= end)
    return starts, is_open


def calendar(zone: str, *, at: datetime) -> np.ndarray:
    """When each hour of the zone's day comes next within 24 hours, the one that is now as `at`: (24,) microseconds
    since 2000.

    -1 for an hour that does not come, as the one that the change to summer time leaves out; of one that comes twice it
    is the first.
    """
    where = quiet.place(zone)
    local = at.astimezone(where)
    into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    out = np.full(DAY, -1, np.int64)
    out[local.hour] = (at - EPOCH) // MICRO
    for number in range(1, DAY):
        moment = at.astimezone(UTC) - into + number * HOUR
        hour = moment.astimezone(where).hour
        if out[hour] < 0:
            out[hour] = (moment - EPOCH) // MICRO
    return out


def again(choice: HourChoice, message: Message) -> str:
    """The first difference between what was kept and the same draw made anew; empty when there is none."""
    assert message.run is not None
    plan, ids = message.run.plan["hours"], np.array([message.client_id], np.int64)
    is_open = ((choice.is_open >> np.arange(DAY)) & 1).astype(bool)[None, :]
    made = hours.pick(book(plan), counted(choice)[None, :], is_open, draw=draws.uniform(message.run.seed, ids, STREAM))
    if int(made.hour[0]) != choice.hour:
        return f"Hour: stored {choice.hour}, rebuilt {int(made.hour[0])}."
    if abs(float(made.chance[0]) - choice.propensity) > CLOSE:
        return f"Probability of the hour: stored {choice.propensity:.12g}, rebuilt {float(made.chance[0]):.12g}."
    return ""


def counted(choice: HourChoice) -> np.ndarray:
    """The client's own readings by hour, as the draw saw them: (24,)."""
    return np.frombuffer(bytes(choice.readings), "<u2").astype(np.float64)


def kept(message: Message) -> HourChoice | None:
    """What was drawn for a message; None where it left at once."""
    if message.channel != Channel.EMAIL or message.run is None or not message.run.plan.get("hours"):
        return None
    found = getattr(message, "hour", None)  # the reverse of a one-to-one field: absent is an AttributeError
    return found if isinstance(found, HourChoice) else None


def said(message: Message) -> list[str]:
    """Why it left when it did, for the client; nothing where the declared rule or a later wait decided that."""
    choice = kept(message)
    if choice is None or (message.sent_at is not None and message.sent_at >= choice.due_at + HOUR):
        return []
    assert message.run is not None
    plan, about = message.run.plan["hours"], f"about {choice.hour}:00"
    if choice.is_rule or not plan["readings"]:
        return []
    mine, known = counted(choice)[None, :], book(plan)
    is_open = ((choice.is_open >> np.arange(DAY)) & 1).astype(bool)[None, :]
    without = hours.chances(known, np.zeros_like(mine), is_open)[0, choice.hour]
    if mine.sum() >= OWN and choice.propensity > without + CLOSE:
        return [f"We wrote to you at {about} because you usually read around then."]
    likely = hours.reads(known, mine)[0]
    if likely[is_open[0]].max() <= likely[choice.hour] + CLOSE:
        return [f"We wrote to you at {about} because most people read around then."]
    return [f"We wrote to you at {about} to learn whether that hour suits you."]
