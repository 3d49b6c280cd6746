"""The firm's policy for send hours: proposed by one, approved by two, off as soon as one takes an approval back."""

from datetime import datetime
from typing import Any

from campaigns import policies
from campaigns.models import HourPolicy
from compliance import review
from compliance.models import Staff

USUAL: dict[str, Any] = {"rule_hour": 10, "first": 8, "last": 21, "share_rule": 0.1, "most_wait_hours": 24}
LEAST_RULE, MOST_RULE = 0.02, 0.9
SORT = policies.Sort(
    "hours", "hour_policy", "Send hours", "Send hours", "policy",
    "It decides at which hour clients are written to, from what they do.",
)  # fmt: skip


class BadPolicy(ValueError):
    """The policy cannot be kept; the text says why. Nothing was written."""


def propose(rule: dict[str, Any], *, why: str, by: Staff, at: datetime) -> HourPolicy:
    """Write the next version down and put it before the reviewers; in force once two of them approve it.

    rule: the keys of USUAL. The same rule gives the version that is there. Raises BadPolicy.
    """
    if fault := problems(rule):
        raise BadPolicy(fault)
    if not why.strip():
        raise BadPolicy("Say why.")
    return policies.propose(
        SORT, HourPolicy, rule, fields=rule, facts=rule, words=lambda made: "\n".join(said(made)), why=why, by=by, at=at
    )


def problems(rule: dict[str, Any]) -> str:
    """What is wrong with a rule, as a sentence; empty when nothing is."""
    if set(rule) != set(USUAL):
        return f"A policy says {', '.join(USUAL)}, and nothing else."
    for name, least, most in (("first", 0, 23), ("last", 1, 24), ("rule_hour", 0, 23), ("most_wait_hours", 1, 24)):
        if type(rule[name]) is not int or not least <= rule[name] <= most:
            return f"“{name}” is a whole number from {least} to {most}."
    if not rule["first"] <= rule["rule_hour"] < rule["last"]:
        return "The declared hour lies between the first and the last."
    share = rule["share_rule"]
    if isinstance(share, bool) or not isinstance(share, int | float) or not LEAST_RULE <= share <= MOST_RULE:
        return f"From {LEAST_RULE:.0%} to {MOST_RULE:.0%} keep the declared hour, so that the effect can be measured."
    return ""


def said(policy: HourPolicy) -> list[str]:
    """A policy in words, a sentence each."""
    return [
        f"A message leaves between {policy.first}:00 and {policy.last}:00 where the client lives, at most "
        f"{policy.most_wait_hours} hours after it was made.",
        f"Until data suffice it leaves at {policy.rule_hour}:00; {policy.share_rule:.0%} of clients keep that hour.",
        "Quiet hours, caps, the hours a client wishes and the latest time of the campaign come first.",
    ]


def in_force(*, at: datetime) -> HourPolicy | None:
    """The newest version, if it stands approved; None otherwise, and then messages leave at once."""
    rows = list(HourPolicy.objects.order_by("-version"))
    standing = review.standing([one.digest for one in rows], at=at)
    decided = (one for one in rows if standing.get(one.digest) not in ("waiting", "rejected"))
    newest = next(decided, None)
    return newest if newest is not None and standing.get(newest.digest) == "approved" else None


def stands(policy_id: int, *, at: datetime) -> bool:
    """Whether this version is the one in force."""
    found = in_force(at=at)
    return found is not None and found.pk == policy_id
