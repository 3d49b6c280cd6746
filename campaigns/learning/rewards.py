"""The reward: what a learned policy is to want. A record with versions, each approved by two people."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns import policies
from campaigns.models import RewardVersion
from compliance import review
from compliance.models import Staff
from personalize.decide.funnel import Reward

NUMBERS = {
    "open": "an open by itself",
    "click": "a click",
    "success": "reaching the success metric",
    "quality": "how far a good outcome multiplies what was won, and a bad one takes from it",
    "harm": "the cost of an opt-out or a complaint",
}
USUAL: dict[str, Any] = {
    "open": 0.05, "click": 0.15, "success": 1.0, "quality": 2.0, "harm": 5.0, "explores_sensitive": False,
}  # fmt: skip
MOST_ENGAGEMENT = 0.2  # of what can be won by one message
LEAST_QUALITY, LEAST_HARM, MOST = 0.5, 1.0, 100.0
SORT = policies.Sort(
    "reward", "reward", "Reward of learned policies", "Reward", "weights",
    "A reward decides what every learned policy pursues.",
)  # fmt: skip


class BadReward(ValueError):
    """The weights cannot be kept; the message says why. Nothing was written."""


class NoReward(Exception):
    """No reward is approved, so nothing may be learned towards one. Nothing was written."""


@dataclass(frozen=True, slots=True)
class InForce:
    """The weights that learning follows. gain_scale  the most that one opened message can win beside its open."""

    digest: str
    version: int
    reward: Reward
    click: float
    success: float
    explores_sensitive: bool

    @property
    def gain_scale(self) -> float:
        """Click and success together."""
        return self.click + self.success


def propose(weights: dict[str, Any], *, why: str, by: Staff, at: datetime) -> RewardVersion:
    """Write the next version down and put it before the reviewers; it is in force once two of them approve it.

    The same weights give the version that is there. Raises BadReward.
    """
    if fault := problems(weights):
        raise BadReward(fault)
    if not why.strip():
        raise BadReward("Say why these weights.")
    kept = {name: float(weights[name]) for name in NUMBERS} | {"explores_sensitive": weights["explores_sensitive"]}
    return policies.propose(
        SORT, RewardVersion, kept, fields={"weights": kept}, facts={}, words=lambda made: said(made.weights), why=why,
        by=by, at=at,
    )  # fmt: skip


def problems(weights: dict[str, Any]) -> str:
    """What is wrong with weights, as a sentence; empty when nothing is."""
    if set(weights) != {*NUMBERS, "explores_sensitive"} or not isinstance(weights["explores_sensitive"], bool):
        return f"A reward says {', '.join(NUMBERS)} and explores_sensitive (true or false), and nothing else."
    for name in NUMBERS:
        value = weights[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST:
            return f"“{name}” is a number from 0 to {MOST:g}."
    if not weights["success"] > 0:
        return "A reward counts what the client gains: success is above 0."
    won = weights["open"] + weights["click"] + weights["success"]
    if weights["open"] + weights["click"] > MOST_ENGAGEMENT * won + 1e-12:
        return "Opens and clicks are at most a fifth of what a message can win: attention alone buys urgency."
    if weights["quality"] < LEAST_QUALITY:
        return f"Outcomes must count: quality is at least {LEAST_QUALITY}."
    if weights["harm"] < LEAST_HARM:
        return f"An opt-out or a complaint costs at least {LEAST_HARM:g}."
    return ""


def said(weights: dict[str, Any]) -> str:
    """The weights in words."""
    lines = [f"{words[0].upper()}{words[1:]}: {weights[name]:g}." for name, words in NUMBERS.items()]
    tries = "are tried out like others" if weights["explores_sensitive"] else "are never tried out"
    return "\n".join([*lines, f"Words on sensitive topics {tries}."])


def in_force(*, at: datetime) -> InForce:
    """The newest version that stands approved. Raises NoReward."""
    rows = list(RewardVersion.objects.order_by("-version"))
    standing = review.standing([one.digest for one in rows], at=at)
    for one in rows:
        if standing.get(one.digest) == "approved":
            weights = one.weights
            reward = Reward(open=weights["open"], quality=weights["quality"], harm=weights["harm"])
            return InForce(one.digest, one.version, reward, weights["click"], weights["success"],
                           weights["explores_sensitive"])  # fmt: skip
    raise NoReward("No reward stands approved. Propose one, and have two people approve it.")
