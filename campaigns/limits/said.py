"""A cap as JSON and as a sentence, and what holds a message back, in words."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from campaigns.models import SendHour, WhenCapped
from compliance.models import Channel

DAYS = {1: "day", 7: "7 days", 30: "30 days"}
FIELDS = {"days", "most", "channel", "topic", "urgent"}
MOST_CAPS = 8
PRESSURE = "pressure"  # the budget of urgency and fear, where no figure is told
WHOSE = {"client": "the client's own wish", "campaign": "this campaign's cap", "firm": "the firm's cap"}


def fault(caps: Any) -> str:
    """What is wrong with a campaign's list of caps, in a sentence; empty when it can be kept."""
    if not isinstance(caps, list) or len(caps) > MOST_CAPS:
        return f"A campaign has a list of at most {MOST_CAPS} caps."
    for number, one in enumerate(caps, 1):
        if not isinstance(one, dict) or not {"days", "most"} <= set(one) <= FIELDS:
            return f"Cap {number} has days and most, and may have channel, topic and urgent."
        if type(one["days"]) is not int or one["days"] not in DAYS:
            return f"Cap {number} is for 1, 7 or 30 days."
        if type(one["most"]) is not int or not 0 <= one["most"] <= 50:
            return f"Cap {number} allows 0 to 50 messages."
        if one.get("channel", "") not in ("", *Channel.values):
            return f"Cap {number} names no channel of ours."
        topic = one.get("topic", "")
        if not isinstance(topic, str) or len(topic) > 40 or not (topic == "" or topic.isidentifier()):
            return f"Cap {number} names no topic."
        if not isinstance(one.get("urgent", False), bool):
            return f"Cap {number}: urgent is true or false."
    if len({(one["days"], one.get("channel"), one.get("topic"), one.get("urgent")) for one in caps}) < len(caps):
        return "Two caps are for the same thing."
    return ""


# The fields of a campaign that say how and when it bears on clients: what is wrong with a value, in a sentence.
TESTS: dict[str, Callable[[Any], str]] = {
    "caps": fault,
    "when_capped": lambda one: "" if one in WhenCapped.values else "Say what becomes of a message over a cap.",
    "latest_hours": lambda one: "" if one is None or 0 < one <= 2160 else "Too late is after 1 to 2160 hours.",
    "send_hour": lambda one: "" if one in SendHour.values else "Say when a message leaves.",
    "priority": lambda one: "" if 0 < one <= 100 else "A priority is between 1 and 100.",
}


def sentence(cap: Mapping[str, Any]) -> str:
    """A cap in words: "at most 2 messages that press for time in 7 days, by e-mail"."""
    kind = "message" if cap["most"] == 1 else "messages"
    about = f" about {cap['topic'].replace('_', ' ')}" if cap.get("topic") else ""
    urgent = f" that press{'es' if cap['most'] == 1 else ''} for time" if cap.get("urgent") else ""
    channel = f", by {Channel(cap['channel']).label.lower()}" if cap.get("channel") else ""
    return (
        f"at most {cap['most']} {kind}{about}{urgent} in {'a ' if cap['days'] == 1 else ''}{DAYS[cap['days']]}{channel}"
    )


def window(kept: Mapping[str, Any] | None) -> str:
    """What held a message back, from its `window`; empty for nothing."""
    if not kept:
        return ""
    if "lost_to" in kept:
        by = "by its priority alone" if kept["margin"] is None else f"by {kept['margin']:.3f}"
        return f"It lost to “{kept['campaign']}” {by}."
    if kept.get("by") == PRESSURE:
        return "The words first chosen press more than the budget allows." if kept.get("replaced") else ""
    if "calm" in kept:
        return "The words first chosen were closed by calm."
    if "pressure" in kept and "spent" not in kept:
        return f"These words press with {kept['pressure']} points."
    if "spent" in kept:
        return (
            f"These words press with {kept['pressure']} points; {kept['spent']} of {kept['points']} "
            f"were spent in {kept['days']} days."
        )
    said = f"Held back by {WHOSE[kept['by']]}: {sentence(kept)}."
    if kept.get("opens"):
        opens = datetime.fromisoformat(kept["opens"]).astimezone(ZoneInfo(settings.TIME_ZONE))
        said += f" There is room again from {opens.day} {opens:%B %Y, %H:%M}."
    return said


def veiled(kept: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A window for a reader who may not know that a client is to be spared: no figure of pressure, whoever it was."""
    if not kept or "pressure" not in kept:
        return dict(kept) if kept else None
    return {"by": PRESSURE, **({"replaced": True} if kept.get("replaced") else {})}
