"""The firm's policy for pressure and calm: proposed by one, approved by two, kept in force until a later one is."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns import policies
from campaigns.drafts import CODE
from campaigns.models import WellbeingPolicy
from compliance import review
from compliance.models import Staff

BINDS = ("approved", "expired")  # what restricts outlives the date on its approval
# What holds before the firm has decided: about four messages a month that press for time.
USUAL: dict[str, Any] = {"days": 30, "points": 200, "signal": "", "at_least": None, "closes_pressing": True,
                         "topics": []}  # fmt: skip
SORT = policies.Sort(
    "wellbeing", "wellbeing_policy", "Pressure and calm", "Pressure and calm", "policy",
    "It decides how much words may press every client.",
)  # fmt: skip


class BadPolicy(ValueError):
    """The policy cannot be kept; the text says why. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many points of urgency and fear a client, within so many days."""

    days: int
    points: int


def propose(rule: dict[str, Any], *, why: str, by: Staff, at: datetime) -> WellbeingPolicy:
    """Write the next version down and put it before the reviewers; in force once two of them approve it.

    rule: the keys of USUAL. The same rule gives the version that is there. Raises BadPolicy.
    """
    if fault := problems(rule):
        raise BadPolicy(fault)
    if not why.strip():
        raise BadPolicy("Say why.")
    kept = {**rule, "topics": sorted(set(rule["topics"]))}
    return policies.propose(
        SORT, WellbeingPolicy, kept, fields=kept, facts=kept, words=lambda made: "\n".join(said(made)), why=why, by=by,
        at=at,
    )  # fmt: skip


def problems(rule: dict[str, Any]) -> str:
    """What is wrong with a rule, as a sentence; empty when nothing is."""
    if set(rule) != set(USUAL):
        return f"A policy says {', '.join(USUAL)}, and nothing else."
    for name, least, most in (("days", 1, 90), ("points", 0, 1000)):
        if type(rule[name]) is not int or not least <= rule[name] <= most:
            return f"“{name}” is a whole number from {least} to {most}."
    size = rule["at_least"]
    is_size = isinstance(size, int | float) and not isinstance(size, bool) and math.isfinite(size)
    if bool(rule["signal"]) != is_size or (size is not None and not is_size):
        return "A market signal that begins calm has a kind and a size, or neither."
    if rule["signal"] and not CODE.fullmatch(rule["signal"]):
        return "The kind of a signal has lower-case letters, digits and underscores."
    if not isinstance(rule["topics"], list) or not all(
        isinstance(one, str) and CODE.fullmatch(one) for one in rule["topics"]
    ):
        return "Topics and products are codes such as crypto."
    if type(rule["closes_pressing"]) is not bool or not (rule["closes_pressing"] or rule["topics"]):
        return "Calm closes something: words that press, or some topics."
    return ""


def said(policy: WellbeingPolicy) -> list[str]:
    """A policy in words, a sentence each."""
    closes = ["words that press or frighten"] if policy.closes_pressing else []
    closes += [f"words about {one.replace('_', ' ')}" for one in policy.topics]
    begins = f"a {policy.signal} of {policy.at_least:g} or more, or one person" if policy.signal else "one person"
    return [
        f"A client gets at most {policy.points} points of urgency and fear in {policy.days} days.",
        f"Calm is begun by {begins}, and lifted by two people.",
        f"Calm closes {', '.join(closes)}.",
    ]


def in_force(*, at: datetime) -> WellbeingPolicy | None:
    """The newest version that was approved and not taken back; None before there is one."""
    rows = list(WellbeingPolicy.objects.order_by("-version"))
    standing = review.standing([one.digest for one in rows], at=at)
    return next((one for one in rows if standing.get(one.digest) in BINDS), None)


def budget(*, at: datetime) -> Budget:
    """What one client may get: the policy's budget, or the usual one."""
    policy = in_force(at=at)
    return Budget(policy.days, policy.points) if policy else Budget(USUAL["days"], USUAL["points"])
