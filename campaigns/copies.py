"""A client's own copy of everything we hold about them: the words of their messages first, then the tables."""

from datetime import datetime
from typing import Any

from django.utils.timezone import localtime

from campaigns import explanations
from campaigns.exhibits import rendered
from campaigns.models import Message
from compliance import vulnerability
from compliance.models import Staff
from compliance.rights import access, joined

WORDED = 500  # newest messages whose words are told

By = Staff | str


def make(client_id: int, *, by: By, at: datetime) -> bytes:
    """The zip of `compliance.rights.access.pack`, with what each message said and why it was chosen."""
    client_id = joined.survivor(client_id)
    return access.pack(client_id, by=by, at=at, told=[_messages(client_id), *_spared(client_id)])


def _spared(client_id: int) -> list[access.Part]:
    """What we noted so as to spare them, opened: to anybody else it is sealed."""
    notes = [
        {
            "noted on": one.note.noted_on.isoformat(), "what": one.kind, "in our words": one.words,
            "told by": one.note.get_source_display(), "on what ground": one.note.get_ground_display(),
            "in force": one.note.ended_at is None,
        }
        for one in vulnerability.told(client_id)
    ]  # fmt: skip
    why, keeps = "to spare you, and for nothing else", "as long as you are our client"
    return [access.Part("what we noted to spare you", why, keeps, notes, [list(one.items()) for one in notes])][
        : len(notes)
    ]


def _messages(client_id: int) -> access.Part:
    found = Message.objects.select_related("run", "variant", "campaign", "client", "artefact").filter(
        client_id=client_id, state__in=("sent", "shown", "unconfirmed")
    )
    told = [_told(one) for one in found.order_by("-decided_at", "pk")[:WORDED]]
    keeps = "as long as the law asks of what a financial firm sends"
    return access.Part(
        "messages you got", "to send, explain and prove what was sent", keeps, told, [list(one.items()) for one in told]
    )


def _told(message: Message) -> dict[str, Any]:
    made = rendered(message)
    when = localtime(message.sent_at or message.decided_at)
    words = message.variant.text if message.variant else ""
    return {
        "when": f"{when:%Y-%m-%d %H:%M}",
        "how": message.get_channel_display(),
        "subject": made.subject if made else message.variant.subject if message.variant else "",
        "words": words,
        "why you": "\n".join(explanations.for_client(message)),
    }
