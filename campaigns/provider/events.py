"""What a provider's notice changes: a bounce or complaint suppresses, a delivery is evidence, a repeat is nothing.

Notices come late, twice and in any order, so each does what it says whatever came before, and one is kept once.
"""

import hashlib
import logging
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db import IntegrityError, transaction

from campaigns import tracking
from campaigns.models import Message, MessageState, ProviderEvent
from campaigns.provider import stopwords
from compliance import consent
from compliance.models import Channel

log = logging.getLogger(__name__)

BY = "system:provider"
KEY = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)


class Kind(StrEnum):
    """What a provider can tell us; what else it tells is not kept."""

    DELIVERED = "delivered"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    REPLY = "reply"


class Outcome(StrEnum):
    """What a notice changed."""

    APPLIED = "applied"
    NOTHING = "nothing"  # it told us nothing that asks for a deed
    UNKNOWN = "unknown"  # it is about no message or address of ours
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Notice:
    """One event in our words. key: our message's number, if the provider gave it back · address: e-mail or number."""

    provider: str
    event_id: str
    kind: Kind
    occurred_at: datetime
    key: str = ""
    address: str = ""
    is_hard: bool = False
    detail: str = ""
    channel: str = Channel.EMAIL


def identity(*facts: object) -> str:
    """An event id for a provider that gives none: the same facts are the same event."""
    return hashlib.sha256("\x1f".join(map(str, facts)).encode()).hexdigest()


def take(notice: Notice, *, at: datetime) -> Outcome:
    """Keep a notice and do what it says, both or neither; REPEATED when it was kept before."""
    with transaction.atomic():
        message = _message(notice)
        kept = ProviderEvent(
            provider=notice.provider,
            event_id=notice.event_id,
            kind=notice.kind,
            message=message,
            detail=_line(notice.detail),
            outcome=Outcome.NOTHING,
            occurred_at=notice.occurred_at,
            received_at=at,
        )
        try:
            with transaction.atomic():
                kept.save(force_insert=True)
        except IntegrityError:
            return Outcome.REPEATED
        outcome = _apply(notice, message, at=at)
        kept.outcome = outcome
        kept.save(update_fields=["outcome"])
    log.info("provider.%s", notice.kind, extra={"provider": notice.provider, "outcome": outcome})
    return outcome


def _message(notice: Notice) -> Message | None:
    found = KEY.search(notice.key)
    if found is None:
        return None
    query = Message.objects.select_related("run", "campaign", "client").defer("features", "closed")
    return query.filter(pk=UUID(found.group())).first()


def _apply(notice: Notice, message: Message | None, *, at: datetime) -> Outcome:
    if message is not None and notice.kind != Kind.REPLY:
        _was_handed_over(message, notice)
    if notice.kind == Kind.REPLY:
        return _replied(notice, at=at)
    if notice.kind in (Kind.BOUNCED, Kind.COMPLAINED):
        return _harmed(notice, message, at=at)
    if notice.kind == Kind.UNSUBSCRIBED:
        if message is None:
            return _suppress(notice, "unsubscribed", at=at)
        tracking.unsubscribed(message.pk, mechanism="provider", at=at)
        return Outcome.APPLIED
    if message is None:
        return Outcome.UNKNOWN
    return Outcome.APPLIED if notice.kind == Kind.DELIVERED else Outcome.NOTHING


def _was_handed_over(message: Message, notice: Notice) -> None:
    """Whoever can tell what became of a message had it: that settles one we were in doubt about."""
    Message.objects.filter(pk=message.pk, state=MessageState.UNCONFIRMED).update(
        state=MessageState.SENT, reason="provider_said_so", sent_at=notice.occurred_at, lease=None, lease_until=None
    )


def _harmed(notice: Notice, message: Message | None, *, at: datetime) -> Outcome:
    if message is None:
        reason = "complaint" if notice.kind == Kind.COMPLAINED else "hard_bounce"
        if notice.kind == Kind.BOUNCED and not notice.is_hard:
            return Outcome.UNKNOWN
        return _suppress(notice, reason, at=at)
    if notice.kind == Kind.COMPLAINED:
        tracking.complained(message, detail=_line(notice.detail), at=at)
    else:
        tracking.bounced(message, hard=notice.is_hard, detail=_line(notice.detail), at=at)
    return Outcome.APPLIED


def _suppress(notice: Notice, reason: str, *, at: datetime) -> Outcome:
    if not notice.address:
        return Outcome.UNKNOWN
    consent.suppress(
        notice.address, channel=notice.channel, reason=reason, source=f"provider:{notice.provider}", by=BY, at=at
    )
    return Outcome.APPLIED


def _replied(notice: Notice, *, at: datetime) -> Outcome:
    """Someone answered; STOP and its like mean no, by any reasonable means (47 CFR 64.1200(a)(10))."""
    if not stopwords.revokes(notice.detail):
        return Outcome.NOTHING
    return _suppress(notice, "unsubscribed", at=at)


def _line(text: str) -> str:
    """Text from outside as one plain line: no control character reaches a log, a header or a page."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:300]
