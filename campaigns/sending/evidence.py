"""What became of a message that nobody answered for: the ladder of evidence, from a machine's word to a person's.

The journals of our own workers come first (`delivery.recover`), then the mail server's log and the provider's notices
by our own key, then what the client did with the message, last a person (`delivery.resolve`). Time is no evidence:
after three days without any a marketing message is closed as unconfirmed, and never sent again.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.db import transaction

from campaigns.models import Interaction, Message, MessageState
from compliance import ledger
from compliance.models import Purpose

CLOSE_AFTER = timedelta(hours=72)
CHUNK = 5_000
# A key as it stands in a log: in our Message-ID or our own header, with or without dashes.
KEY = re.compile(r"\b([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})\b", re.IGNORECASE)
# Postfix writes the key once (cleanup: message-id=<…>) and the end under the same queue number (status=sent …).
QUEUED = re.compile(r"\b([0-9A-Za-z]{6,20}): message-id=<([^>]*)>")
ENDED = re.compile(r"\b([0-9A-Za-z]{6,20}): to=<[^>]*>.*\bstatus=(sent|bounced|deferred)\b")
READ_IT = (Interaction.Kind.OPEN, Interaction.Kind.CLICK, Interaction.Kind.UNSUBSCRIBE, Interaction.Kind.COMPLAINT)


def waiting(*, since: datetime) -> set[UUID]:
    """Messages that this database would send, or does not know the end of, due since then."""
    states = (MessageState.PENDING, MessageState.CLAIMED, MessageState.INTENT, MessageState.UNCONFIRMED)
    return set(Message.objects.filter(state__in=states, due_at__gte=since).values_list("pk", flat=True))


def read_log(path: Path) -> dict[UUID, str]:
    """{message: "sent" or "bounced"} of what a mail server's log says of our messages; streams, whatever its size.

    A line that holds our key and the word status=… counts by itself; in Postfix's log the two stand in different lines
    that share a queue number. "deferred" is no end. Raises OSError for a file that cannot be read.
    """
    queue: dict[str, UUID] = {}
    told: dict[UUID, str] = {}
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if found := QUEUED.search(line):
                if key := KEY.search(found[2]):
                    queue[found[1]] = UUID(key[1])
            elif found := ENDED.search(line):
                key = KEY.search(line)
                message = UUID(key[1]) if key else queue.get(found[1])
                if message is not None and found[2] != "deferred":
                    told[message] = found[2]
    return told


def in_log(path: Path, messages: Iterable[UUID]) -> list[UUID]:
    """Those of `messages` that the log knows as delivered."""
    told = read_log(path)
    return [one for one in messages if told.get(one) == "sent"]


def settle_from_log(path: Path, *, by: str, at: datetime, is_dry: bool = False) -> dict[str, int]:
    """End the doubt about every message whose end is in the log; how many by outcome, and how many it does not know."""
    told = read_log(path)
    doubts = list(Message.objects.filter(state=MessageState.UNCONFIRMED).order_by("pk").values_list("pk", flat=True))
    outcome = {"sent": 0, "bounced": 0, "unknown": 0}
    for one in doubts:
        said = told.get(one, "unknown")
        if said == "unknown" or is_dry:
            outcome[said] += 1
        else:
            outcome[said] += _settle(one, was_sent=said == "sent", reason="log_said_so", by=by, at=at)
    return outcome


def settle_from_replies(*, at: datetime) -> int:
    """Whoever opened, clicked or answered a message had it; how many doubts that ended."""
    had = Message.objects.filter(
        state=MessageState.UNCONFIRMED, interactions__kind__in=READ_IT, interactions__is_human=True
    )
    found = list(had.distinct().values_list("pk", flat=True)[:CHUNK])
    return sum(_settle(one, was_sent=True, reason="client_had_it", by="system:worker", at=at) for one in found)


def close_old(*, at: datetime) -> int:
    """Close marketing messages in doubt for three days: they stay unconfirmed, and nobody is asked about them again.

    A service message is never closed by time: a person decides whether a second copy goes out.
    """
    return Message.objects.filter(
        state=MessageState.UNCONFIRMED, intent_at__lt=at - CLOSE_AFTER, run__plan__purpose__in=[
            one for one in Purpose.values if one != Purpose.SERVICE
        ],
    ).exclude(reason="closed_unconfirmed").update(reason="closed_unconfirmed", lease=None)  # fmt: skip


@transaction.atomic
def _settle(message_id: UUID, *, was_sent: bool, reason: str, by: str, at: datetime) -> int:
    doubt = Message.objects.filter(pk=message_id, state=MessageState.UNCONFIRMED)
    if was_sent:
        won = doubt.update(state=MessageState.SENT, reason=reason, sent_at=at, lease=None)
    else:
        won = doubt.update(state=MessageState.FAILED, reason="bounced", lease=None)
    if won:
        facts = {"delivered": was_sent, "evidence": reason}
        ledger.record("message.resolved", by=by, at=at, about=f"message:{message_id}", facts=facts)
    return won
