"""Handing messages to the mail server: never twice by ourselves, never silently lost, and what we cannot know we say.

Between the final dot and the server's 250 the truth is elsewhere (RFC 1047). So the intent is committed before the dot,
after everything that could forbid the message was read again under the client's lock. A crash before the intent is safe
to repeat; after it, the message is unconfirmed until somebody knows better.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from enum import Enum
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from campaigns import assembly, audiences, bulk, mail, quiet, tracking, variants, wording
from campaigns.models import Message, MessageState, RunState
from campaigns.smtp import Away, Conversation, Lost, Reply
from compliance import consent, ledger
from compliance.models import Channel, Purpose, Staff

log = logging.getLogger(__name__)

BATCH = 20  # messages a worker claims at a time
CLAIM_LEASE = timedelta(seconds=120)
INTENT_LEASE = timedelta(seconds=settings.EMAIL_TIMEOUT + 30)
BACK_OFF = tuple(timedelta(minutes=one) for one in (1, 5, 15, 60, 240))
SERVER_AWAY = timedelta(seconds=15)
# RFC 3463: 5.1.x is about the address itself; these basic codes say the same without it.
HARD_CODES, HARD_STATUS, SOFT_STATUS = (550, 551, 553), "5.1.", ("5.2.", "5.3.", "5.4.", "5.7.")


class AlreadySettled(Exception):
    """The message is not unconfirmed any more. Nothing was written."""


class Stopped(Enum):
    """How a message was kept from being handed over."""

    SUPPRESSED = "suppressed"
    HELD = "held"
    LATER = "later"
    LOST_LEASE = "lost_lease"


@dataclass(slots=True)
class Sent:
    """What one call did, by outcome."""

    sent: int = 0
    suppressed: int = 0
    deferred: int = 0
    failed: int = 0
    unconfirmed: int = 0

    @property
    def total(self) -> int:
        """How many messages were moved."""
        return self.sent + self.suppressed + self.deferred + self.failed + self.unconfirmed


class Clock:
    """`at` as it moves on while a long call works: the edge's time plus what has passed since."""

    def __init__(self, at: datetime) -> None:
        self._at, self._start = at, time.monotonic()

    def now(self) -> datetime:
        """The time now."""
        return self._at + timedelta(seconds=self.passed())

    def passed(self) -> float:
        """Seconds since the call began."""
        return time.monotonic() - self._start


def send(*, limit: int, at: datetime, seconds: float = 8.0) -> Sent:
    """Hand over up to `limit` due messages within about `seconds`; one connection, one message after another.

    A message that cannot go never holds the others; when the mail server is away, the rest of the claim goes back.
    """
    clock, done, conversation = Clock(at), Sent(), Conversation()
    left = limit
    try:
        while left > 0 and clock.passed() < seconds:
            lease = uuid4()
            claimed = bulk.transport.claim(
                limit=min(BATCH, left), lease=lease, until=clock.now() + CLAIM_LEASE, at=clock.now()
            )
            if not claimed:
                break
            left -= len(claimed)
            try:
                for message in _loaded(claimed):
                    _send_one(message, lease, conversation, clock, done)
            except Away as away:
                log.warning("mail.server_away", extra={"why": str(away)[:200]})
                done.deferred += _give_back(lease, at=clock.now())
                break
    finally:
        conversation.close()
    return done


def _loaded(ids: list[UUID]) -> Iterator[Message]:
    found = Message.objects.select_related("variant", "run", "client").defer("features", "closed", "client__user_id")
    by_id = found.in_bulk(ids)
    return (by_id[one] for one in ids)


def _send_one(message: Message, lease: UUID, conversation: Conversation, clock: Clock, done: Sent) -> None:
    """Offer, intent, dot, settle. Raises Away when the server is gone before the intent."""
    mime = _approved_bytes(message)
    if mime is None:
        done.failed += _end(message, lease, MessageState.FAILED, "not_the_approved_words", "")
        log.error("mail.not_the_approved_words", extra={"message_id": str(message.pk)})
        return
    reply = conversation.offer(parseaddr(settings.FIRM["sender"])[1], message.address)
    if not reply.is_yes:
        _refused(message, lease, reply, clock.now(), done)
        return
    stopped = _intent(message, lease, clock.now())
    if stopped is not None:
        conversation.drop()  # an unfinished DATA is not a message
        done.suppressed += stopped is Stopped.SUPPRESSED
        done.deferred += stopped in (Stopped.HELD, Stopped.LATER)
        return
    try:
        reply = conversation.hand_over(mime)
    except Lost as lost:
        done.unconfirmed += _end(message, lease, MessageState.UNCONFIRMED, "connection_lost", str(lost))
        log.warning("mail.unconfirmed", extra={"message_id": str(message.pk)})
        return
    if reply.is_yes:
        done.sent += _settle(message, lease, reply, clock.now())
    else:
        _refused(message, lease, reply, clock.now(), done)


def _approved_bytes(message: Message) -> bytes | None:
    """The message made again, if its bytes are those that were decided on; None otherwise."""
    try:
        made = assembly.again(message)
    except (assembly.Tampered, wording.MissingValue, wording.TooLong, mail.BadAddress):
        return None
    return made.mime if made.sha256 == bytes(message.mime_sha256 or b"") else None


def _intent(message: Message, lease: UUID, at: datetime) -> Stopped | None:
    """Commit that this message is about to leave, or why it may not; None means: send the dot.

    The client's row is locked first, and an opt-out takes the same lock: whichever commits first, the other sees it.
    """
    try:
        with transaction.atomic():
            consent.lock(message.client_id)
            return _decide_intent(message, lease, at)
    except IntegrityError:
        # Another client's copy to this address was committed in the same moment.
        _end(message, lease, MessageState.SUPPRESSED, "duplicate_address", "")
        return Stopped.SUPPRESSED


def _decide_intent(message: Message, lease: UUID, at: datetime) -> Stopped | None:
    plan = message.run.plan
    facts = bulk.transport.gate(message.pk, since=at - audiences.CAP_WINDOW)
    reason = _refusal(message, facts, at)
    if reason:
        won = _end(message, lease, MessageState.SUPPRESSED, reason, "")
        return Stopped.SUPPRESSED if won else Stopped.LOST_LEASE
    if variants.standing([message.variant], at=at)[message.variant_id] != variants.GO:
        won = _end(message, lease, MessageState.HELD, "approval_gone", "")
        return Stopped.HELD if won else Stopped.LOST_LEASE
    hours = quiet.BY_LAW.get(Channel(message.channel), "") or plan.get("quiet_hours", "")
    opens = quiet.morning(zone=facts.timezone, hours=hours, at=at) if plan["purpose"] != Purpose.SERVICE else None
    if opens is not None:
        won = _later(message, lease, "quiet_hours", due=opens)
        return Stopped.LATER if won else Stopped.LOST_LEASE
    won = bulk.transport.intend(message.pk, lease=lease, until=at + INTENT_LEASE, at=at)
    return None if won else Stopped.LOST_LEASE


def _refusal(message: Message, facts: bulk.transport.Gate, at: datetime) -> str:
    """Why the message may not leave any more; empty when it may."""
    plan = message.run.plan
    if facts.run_state == RunState.STOPPED:
        return "run_stopped"
    answer = consent.may_send(message.client_id, purpose=plan["purpose"], channel=message.channel, at=at)
    if not answer.ok:
        return answer.reason
    if facts.address != message.address:
        return "address_changed"
    cap = plan["cap"] if facts.own_cap is None else facts.own_cap
    if plan["purpose"] != Purpose.SERVICE and facts.written >= cap:
        return "capped"
    return "duplicate_address" if facts.has_twin else ""


def _mine(message: Message, lease: UUID) -> QuerySet[Message]:
    """The row, if this worker still holds it."""
    return Message.objects.filter(pk=message.pk, lease=lease, state__in=(MessageState.CLAIMED, MessageState.INTENT))


def _end(message: Message, lease: UUID, state: MessageState, reason: str, reply: str) -> int:
    """Move a message that this worker holds out of the hand-over; 1, or 0 when the lease was lost."""
    held = _mine(message, lease)
    token = lease if state == MessageState.UNCONFIRMED else None  # a late answer under this token still counts
    return held.update(state=state, reason=reason, reply=reply[:300], lease=token, lease_until=None)


def _later(message: Message, lease: UUID, reason: str, *, due: datetime, reply: str = "", attempts: int = 0) -> int:
    """Put a message back, to be tried again from `due` on. It was not handed over, so it has no intent."""
    return _mine(message, lease).update(
        state=MessageState.PENDING,
        reason=reason,
        reply=reply,
        due_at=due,
        intent_at=None,
        attempts=message.attempts + attempts,
        lease=None,
        lease_until=None,
    )


def _settle(message: Message, lease: UUID, reply: Reply, at: datetime) -> int:
    """The server took it. Accepted from whoever holds the token, even after the reaper put the message in doubt."""
    return bulk.transport.settle(message.pk, lease=lease, reply=str(reply), at=at)


def _refused(message: Message, lease: UUID, reply: Reply, at: datetime, done: Sent) -> None:
    """A definite no: 4xx is tried again later, 5xx is final. Nothing was sent, so nothing counts towards a cap."""
    if reply.is_later and message.attempts < len(BACK_OFF):
        due = at + BACK_OFF[message.attempts]
        done.deferred += _later(message, lease, "try_again", due=due, reply=str(reply), attempts=1)
        return
    hard = is_hard(reply)
    reason = "too_many_tries" if reply.is_later else "bounced" if hard else "refused_by_server"
    with transaction.atomic():
        won = _mine(message, lease).update(
            state=MessageState.FAILED, reason=reason, reply=str(reply), intent_at=None, lease=None, lease_until=None
        )
        if won and not reply.is_later:
            tracking.bounced(message, hard=hard, detail=str(reply), at=at)
    done.failed += won


def is_hard(reply: Reply) -> bool:
    """The server says that the address itself is no good, so that nobody should write to it again (RFC 3463)."""
    status = reply.words.split(" ", 1)[0]
    if status.startswith(HARD_STATUS):
        return True
    return reply.code in HARD_CODES and not status.startswith(SOFT_STATUS)


def _give_back(lease: UUID, *, at: datetime) -> int:
    """Put the rest of a claim back when the mail server is away. Nothing of it was handed over."""
    return Message.objects.filter(lease=lease, state=MessageState.CLAIMED).update(
        state=MessageState.PENDING,
        reason="mail_server_away",
        due_at=at + SERVER_AWAY,
        lease=None,
        lease_until=None,
    )


def reap(*, at: datetime) -> tuple[int, int]:
    """(claims given back, messages now unconfirmed) among those whose worker did not come back in time."""
    claims, doubts = bulk.transport.reap(at=at)
    if doubts:
        log.warning("mail.unconfirmed", extra={"doubts": doubts})
    return claims, doubts


@transaction.atomic
def resolve(message_id: UUID, *, delivered: bool, by: Staff, at: datetime) -> None:
    """A person says what became of an unconfirmed message. It is not sent again either way.

    Raises AlreadySettled.
    """
    doubt = Message.objects.filter(pk=message_id, state=MessageState.UNCONFIRMED)
    if delivered:
        won = doubt.update(state=MessageState.SENT, reason="said_delivered", sent_at=at, lease=None)
    else:
        won = doubt.update(state=MessageState.FAILED, reason="said_not_delivered", lease=None)
    if not won:
        raise AlreadySettled(message_id)
    ledger.record("message.resolved", by=by, at=at, about=f"message:{message_id}", facts={"delivered": delivered})
