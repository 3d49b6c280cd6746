"""What becomes of a message that the last gate found pressed: it waits, is replaced or is dropped, and why.

The gate, a function of the database, says what holds the message back with the client's row and address locked; the
campaign's own choice, said here, is what to do about it. Nothing here lets a message go.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from campaigns import messages, quiet
from campaigns.models import Message, MessageState, Run

PAUSED_FOR = timedelta(seconds=30)
GENTLER = ("calm", "pressed_enough")  # calmer words may go in its place, whatever the campaign says of caps


class Then(Enum):
    """What becomes of a message."""

    LATER = "later"
    REPLACE = "replace"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Verdict:
    """then · reason: a code of campaigns.reasons · due: when to ask again · window: the cap, kept on the row."""

    then: Then
    reason: str
    due: datetime | None = None
    window: dict[str, Any] | None = None


def judge(run: Run, pressed: dict[str, Any], *, at: datetime) -> Verdict:
    """The verdict for one message. pressed: as campaigns_pressed says it, {"reason": …} and {"cap": …} for a cap."""
    if pressed["reason"] == "run_paused":
        return Verdict(Then.LATER, "run_paused", at + PAUSED_FOR)
    if pressed["reason"] == "wished_hours":
        return _wished(run, pressed, at=at)
    if pressed["reason"] in GENTLER:
        return Verdict(Then.REPLACE, pressed["reason"], window=pressed["window"])
    if pressed["reason"] != "capped":
        return Verdict(Then.DROP, pressed["reason"])
    cap, chosen = pressed["cap"], run.plan.get("when_capped", "dropped")
    # A cap on everything is not met by calmer words.
    if chosen == "replaced" and (cap["topic"] or cap["urgent"]):
        return Verdict(Then.REPLACE, "capped", window=cap)
    if chosen == "deferred" and cap["opens"]:
        opens = datetime.fromisoformat(cap["opens"])
        return wait(run.plan, "capped_for_now", opens, launched_at=run.launched_at, window=cap)
    return Verdict(Then.DROP, "capped", window=cap)


def _wished(run: Run, pressed: dict[str, Any], *, at: datetime) -> Verdict:
    """Until the hours come that the client wishes; never, where all of them are quiet hours."""
    if not (quiet.wished(pressed["hours"]) & quiet.awake(run.plan.get("quiet_hours", ""))).any():
        return Verdict(Then.DROP, "wished_hours")
    opens = quiet.morning(zone=pressed["zone"], hours=quiet.outside(pressed["hours"]), at=at) or at
    return wait(run.plan, "wished_hours", opens, launched_at=run.launched_at)


def wait(
    plan: dict[str, Any],
    reason: str,
    due: datetime,
    *,
    launched_at: datetime,
    window: dict[str, Any] | None = None,
) -> Verdict:
    """Ask again at `due`, unless the campaign says that this is too late."""
    latest = plan.get("latest_hours")
    if latest and due > launched_at + timedelta(hours=latest):
        return Verdict(Then.DROP, "capped" if window else "too_late", window=window)
    return Verdict(Then.LATER, reason, due, window)


@transaction.atomic
def restrain(held: QuerySet[Message], verdict: Verdict, *, at: datetime) -> MessageState | None:
    """Carry a verdict out on the one row in `held` and keep on it what held it back; the state it now has.

    None when the row is no longer the caller's. What was replaced is pending, and is asked about anew.
    """
    kept = {"reason": verdict.reason, "window": verdict.window, "lease": None, "lease_until": None}
    if verdict.then is Then.LATER:
        won = held.update(state=MessageState.PENDING, due_at=verdict.due or at, intent_at=None, **kept)
        return MessageState.PENDING if won else None
    if verdict.then is Then.REPLACE:
        message = held.select_related("campaign__owner", "client", "run").first()
        if message is not None and _replace(message, held, kept, at=at):
            return MessageState.PENDING
    return MessageState.SUPPRESSED if held.update(state=MessageState.SUPPRESSED, **kept) else None


def _replace(message: Message, held: QuerySet[Message], kept: dict[str, Any], *, at: datetime) -> bool:
    """Give the message the campaign's fallback; False when that is what it has, or when it may not go out."""
    plan = message.run.plan
    if message.choice == messages.fallback_choice(plan).tolist():
        return False
    text = messages.fallback(message.campaign, plan, at=at)
    if text.variant is None:
        return False
    window = {**kept["window"], "replaced": True}
    return bool(held.update(state=MessageState.HELD, **{**kept, "window": window})) and messages.remake(
        message, text, at=at
    )
