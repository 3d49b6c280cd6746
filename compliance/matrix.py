"""Everything one client allowed and refused, with the proof in words."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from django.utils.timezone import localtime

from compliance import bulk, contact, wordings
from compliance.models import Channel, ConsentEvent, Purpose
from compliance.reasons import CLIENT_SENTENCES, REASONS, SENTENCES

# What our own pages ask, in the order in which they ask it.
QUESTIONS = (
    (Purpose.MARKETING, Channel.EMAIL),
    (Purpose.MARKETING, Channel.SMS),
    (Purpose.MARKETING, Channel.PUSH),
    (Purpose.MARKETING, Channel.WEB),
    (Purpose.MARKETING, Channel.POST),
    (Purpose.MARKETING, Channel.PHONE),
    (Purpose.PARTNER, Channel.EMAIL),
    (Purpose.AFFILIATE, Channel.EMAIL),
    (Purpose.PROFILING, Channel.ANY),
    (Purpose.MEASUREMENT, Channel.ANY),
    (Purpose.SENSITIVE, Channel.ANY),
)
DEEDS = {
    "given": "You said yes",
    "confirmed": "You confirmed your yes",
    "refused": "You said no",
    "withdrawn": "You withdrew your consent",
    "objected": "You objected to all direct marketing",
    "imported": "Your answer came to us from an earlier system",
    "expired": "Your consent ended",
    "gpc_on": "Your browser sent the Global Privacy Control signal",
    "merged": "Two of our records about you were made one, and the stricter answer was kept",
}
WAYS = {
    "checkbox": "by ticking a box that was empty",
    "button": "with a button",
    "link": "with a link",
    "one_click": "with your mail program's unsubscribe button",
    "header": "by your browser",
    "signal": "by your browser",
    "import": "",
    "merge": "",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One question and its answer now.

    reason a code of consent.REASONS · sentence for staff · client_sentence for the client · version of the words we ask
    with, "" where we do not ask · event the proof, None where there is none · proof that event in words
    """

    purpose: Purpose
    channel: Channel
    ok: bool
    reason: str
    version: str
    words: str
    event: ConsentEvent | None

    @property
    def sentence(self) -> str:
        """The answer for staff."""
        return SENTENCES[self.reason]

    @property
    def client_sentence(self) -> str:
        """The answer for the client."""
        return CLIENT_SENTENCES[self.reason]

    @property
    def proof(self) -> str:
        """When, where and how the client said so, and to which words; "" without an event."""
        return told(self.event) if self.event else ""


def matrix(client_id: int, at: datetime) -> list[Line]:
    """The answers to every question that we ask or the client ever answered."""
    more = ConsentEvent.objects.filter(client_id=client_id).exclude(channel=Channel.ANY, purpose=Purpose.MARKETING)
    asked = list(QUESTIONS)
    for purpose, channel in more.order_by("purpose", "channel").values_list("purpose", "channel").distinct():
        if (purpose, channel) not in asked and (channel != Channel.ANY or purpose != Purpose.PARTNER):
            asked.append((Purpose(purpose), Channel(channel)))
    rows = bulk.allowed(np.array([client_id]), questions=asked, reasons=REASONS, at=at, pads=contact.pads())[0]
    answers = [(REASONS[one], UUID(bytes=bytes(event))) for one, event in rows[["reason", "event"]].tolist()]
    events = ConsentEvent.objects.select_related("wording").in_bulk([event for _, event in answers])
    return [
        Line(
            Purpose(purpose),
            Channel(channel),
            reason == "ok",
            reason,
            wordings.version(purpose, channel),
            wordings.text(purpose, channel),
            events.get(event),
        )
        for (purpose, channel), (reason, event) in zip(asked, answers, strict=True)
    ]


def told(event: ConsentEvent) -> str:
    """One consent event as a sentence to the client."""
    when = localtime(event.occurred_at)
    way = WAYS.get(event.mechanism, "")
    sentence = f"{DEEDS[event.action]} on {when:%-d %B %Y} at {when:%H:%M}{' ' if way else ''}{way} ({event.surface})"
    return f"{sentence}, to these words: “{event.wording.text}”" if event.wording else f"{sentence}."
