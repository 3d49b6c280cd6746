"""Choosing by a learned policy: what it sees of each client, which message it draws, and how likely that was."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from campaigns.bulk import learned as bulk
from campaigns.combinations import rules
from compliance.models import Channel, Purpose
from personalize.decide import combining, draws
from personalize.decide.funnel import SCALES, Seen, fading
from personalize.decide.limits import Closed
from personalize.decide.snapshot import CONTEXT, Picked, Policy

INDIVIDUAL_AFTER = 8.0  # matured results of a client, before which only what holds for all counts
LEVEL = 2 + len(SCALES)  # numbers a habit keeps for one level: offset, its variance, how lately by scale
LEAD = 3  # and before them: results learnt from, the client's own intercept, its variance


def own(plan: dict[str, Any], policy: Policy, client_ids: np.ndarray, *, at: datetime) -> np.ndarray:
    """What the policy sees of each client beside the features: (n, policy.width) float32."""
    sends = bulk.pressure(client_ids, at=at)
    return seen(policy, client_ids, sends, bulk.habits(plan["campaign_id"], client_ids, habit_width(policy)), at=at)


def habit_width(policy: Policy) -> int:
    """How many numbers a habit has for this policy."""
    return LEAD + LEVEL * len(policy.snapshot.levels)


def seen(
    policy: Policy, client_ids: np.ndarray, sends: np.ndarray, habits: tuple[np.ndarray, np.ndarray, np.ndarray], *,
    at: datetime,
) -> np.ndarray:  # fmt: skip
    """`own` from what was read, as `bulk.pressure` and `bulk.habits` give it."""
    out = np.zeros((len(client_ids), policy.width), np.float32)
    out[:, :2], out[:, 2] = sends[:, :2], np.log1p(np.maximum(sends[:, 2], 0.0))
    levels = len(policy.snapshot.levels)
    have, when, vectors = habits
    if not len(have):
        return out
    order = np.argsort(client_ids, kind="stable")
    rows = order[np.searchsorted(client_ids, have, sorter=order)]
    known = np.flatnonzero(policy.place >= 0)
    each = vectors[:, LEAD:].reshape(len(have), levels, LEVEL)[:, policy.place[known]]
    fade = fading((at.timestamp() - when) / 86_400)
    end = len(CONTEXT) + len(SCALES) * len(policy.place)
    for scale in range(len(SCALES)):
        columns = len(CONTEXT) + scale * len(policy.place) + known
        out[np.ix_(rows, columns)] = each[:, :, 2 + scale] * fade[:, scale : scale + 1]
    if policy.snapshot.phase == "individual":
        mine = vectors[:, 0] >= INDIVIDUAL_AFTER
        out[rows[mine], end] = vectors[mine, 1]
        out[np.ix_(rows[mine], end + 1 + known)] = each[mine, :, 0]
    return out


@dataclass(frozen=True, slots=True)
class Bound:
    """A learned policy under one plan, and what holds there for every client.

    fit (V,) combinations that no rule keeps apart · calm (V,) those that may be tried out
    """

    policy: Policy
    fit: np.ndarray
    calm: np.ndarray


def bound(plan: dict[str, Any], policy: Policy) -> Bound:
    """The policy under this plan; who decides often under it keeps this, because neither ever changes."""
    fit = combining.violated(rules.compiled(plan), policy.levels.astype(np.int16)) < 0
    return Bound(policy, fit, calm(plan, policy))


def choose(
    plan: dict[str, Any],
    under: Bound,
    client_ids: np.ndarray,
    seen: Seen,
    closed: list[np.ndarray],
    *,
    seed: int,
) -> Picked:
    """One message for each client, or not now; the draw is a function of the run's seed and the client alone.

    seen  as `Policy.seen` gives it · closed  codes (n, K) of each slot
    """
    return under.policy.pick(
        seen, allowed(under, closed), gamma=plan["gamma"], calm=under.calm,
        draw=draws.uniform(seed, client_ids, "combination"),
        send=draws.uniform(seed, client_ids, "send") if may_wait(plan) else None,
    )  # fmt: skip


def calm(plan: dict[str, Any], policy: Policy) -> np.ndarray:
    """The combinations that may be tried out (V,): without a sensitive topic, unless the approved reward says so."""
    if policy.snapshot.explores_sensitive:
        return np.ones(len(policy.levels), bool)
    plain = np.ones(len(policy.levels), bool)
    for number, slot in enumerate(plan["slots"]):
        touches = np.array([bool(one["topics"]) for one in slot["candidates"]])
        plain &= ~touches[policy.levels[:, number]]
    return plain


def may_wait(plan: dict[str, Any]) -> bool:
    """Whether "not now" is an answer: not for a page that was opened, nor for what must be told."""
    return plan["channel"] != Channel.WEB and plan["purpose"] != Purpose.SERVICE


def chances(
    plan: dict[str, Any], policy: Policy, client_ids: np.ndarray, x: np.ndarray, closed: list[np.ndarray], *,
    at: datetime,
) -> list[np.ndarray]:  # fmt: skip
    """For each slot the chance (n, K) of every candidate of being in the message, if one goes."""
    seen, under = policy.seen(x, own(plan, policy, client_ids, at=at)), bound(plan, policy)
    pi, _ = policy.chances(seen, allowed(under, closed), gamma=plan["gamma"], calm=under.calm)
    return [
        np.stack([pi[:, policy.levels[:, number] == one].sum(axis=1) for one in range(codes.shape[1])], axis=1)
        for number, codes in enumerate(closed)
    ]


def allowed(under: Bound, closed: list[np.ndarray]) -> np.ndarray:
    """The combinations that each client may get (n, V): every part open (codes (n, K) a slot), no rule against it."""
    return under.policy.fits([codes == Closed.OPEN for codes in closed], under.fit)
