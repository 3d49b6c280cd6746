"""The body of a signed notice of a firm that sends by plain SMTP, or of a gateway for text messages.

    {"events": [{"type": "bounced", "id": "a1", "key": "<our X-Personalize-Key>", "recipient": "a@b.example",
                 "at": "2026-11-26T10:00:00Z", "hard": true, "detail": "550 5.1.1 no such user"}]}

`type` is one of campaigns.provider.events.Kind. A reply has "channel": "sms", the sender as "recipient" and the words
as "detail". Unknown fields are ignored; one event that cannot be read refuses the whole notice, naming it.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import msgspec

from campaigns.provider.events import Kind, Notice
from compliance.models import Channel

MOST_EVENTS = 1_000
Short = Annotated[str, msgspec.Meta(max_length=254)]


class Event(msgspec.Struct, frozen=True):
    """One event as it is written in the notice."""

    type: Kind
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    id: Annotated[str, msgspec.Meta(max_length=100)] = ""
    key: Short = ""
    recipient: Short = ""
    channel: Channel = Channel.EMAIL
    hard: bool = False
    detail: Annotated[str, msgspec.Meta(max_length=4_000)] = ""


class Body(msgspec.Struct, frozen=True):
    """The whole notice."""

    events: Annotated[list[Event], msgspec.Meta(min_length=1, max_length=MOST_EVENTS)]


class Unreadable(ValueError):
    """The notice cannot be read; the text says where. Nothing was written."""


def read(body: bytes, *, webhook_id: str) -> Iterator[Notice]:
    """The notices of a verified body; an event without an id is known by its place in the notice. Raises Unreadable."""
    try:
        events = msgspec.json.decode(body, type=Body).events
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable(str(error)[:300]) from None
    for place, one in enumerate(events):
        if "\0" in one.id + one.key + one.recipient:
            raise Unreadable(f"A null character is no text - at `$.events[{place}]`")
    return (
        Notice(
            provider="signed",
            event_id=one.id or f"{webhook_id}/{place}",
            kind=one.type,
            occurred_at=one.at,
            key=one.key,
            address=one.recipient.strip(),
            is_hard=one.hard,
            detail=one.detail,
            channel=one.channel,
        )
        for place, one in enumerate(events)
    )
