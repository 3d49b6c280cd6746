"""Handing messages to the mail server: never twice by ourselves, never silently lost, and what we cannot know we say.

Between the final dot and the server's 250 the truth is elsewhere (RFC 1047). So the intent is committed before the dot,
after everything that could forbid the message was read again under the client's lock. A crash before the intent is safe
to repeat; after it, the message is unconfirmed until somebody knows better.

A worker holds one message between its intent and its answer, never more: that is how many can be in doubt when it dies,
and how many can still leave when somebody stops the sending.
"""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parseaddr
from functools import cached_property
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from campaigns import assembly, bulk, mail, quiet, tracking, wording, work
from campaigns.bulk.gate import Gate, Rules, Settled
from campaigns.bulk.transport import Letter
from campaigns.limits import gate as limits
from campaigns.limits import paces
from campaigns.models import Message, MessageState, Run, Variant
from campaigns.sending.journal import Journal, is_orphan, left
from campaigns.sending.smtp import TOO_FAST, Away, Conversation, Lost, Reply, is_hard
from compliance import contact, fence, ledger, stops
from compliance.models import Channel, Client, Staff

log = logging.getLogger(__name__)

BATCH = 40  # messages a worker claims at a time
CLAIM_LEASE = timedelta(seconds=settings.WORK_LEASE_S)
INTENT_LEASE = timedelta(seconds=settings.EMAIL_TIMEOUT + settings.WORK_LEASE_S / 4)
BACK_OFF = tuple(timedelta(minutes=one) for one in (1, 5, 15, 60, 240))
SERVER_AWAY = timedelta(seconds=15)
WAITING = ("stopped", "fenced", "no_record")  # until a person has spoken; asked again from time to time
LOOK_AGAIN = timedelta(minutes=1)


class AlreadySettled(Exception):
    """The message is not unconfirmed any more. Nothing was written."""


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


@dataclass(frozen=True)
class Envelope:
    """A claimed message made again: the bytes, whom they go to, and what the gate must know of its run.

    fault: why it may not leave, a code of campaigns.reasons; empty when it may
    """

    letter: Letter
    mime: bytes
    sender: str
    run: Run
    fault: str

    @property
    def ends(self) -> tuple[str, str]:
        """(sender, recipient)."""
        return self.sender, self.letter.address

    @cached_property
    def hours(self) -> str:
        """The hours in which this message may not be handed over, as `quiet` writes them."""
        return quiet.BY_LAW.get(Channel(self.letter.channel), "") or self.run.plan.get("quiet_hours", "")

    def rules(self) -> Rules:
        """What the run's plan says to the gate."""
        first, _, last = self.hours.partition("-")
        asleep = (int(first), int(last)) if self.hours else None
        return Rules(self.run.plan["purpose"], asleep)


def send(*, limit: int, at: datetime, seconds: float = 8.0) -> Sent:
    """Hand over up to `limit` due messages within about `seconds`; one connection, one message after another.

    A message that cannot go never holds the others; when the mail server is away, the rest of the claim goes back.
    Nothing is claimed while everything is stopped, or where sending is not armed for this database.
    """
    clock, stands = Clock(at), fence.state()
    if not stands.is_armed or stops.thrown().everything:
        return Sent()
    worker, remaining = _Worker(clock, stands.epoch), limit
    try:
        while remaining > 0 and clock.passed() < seconds:
            lease = uuid4()
            claimed = bulk.transport.claim(
                limit=min(BATCH, remaining), lease=lease, until=clock.now() + CLAIM_LEASE, at=clock.now()
            )
            if not claimed:
                break
            remaining -= len(claimed)
            claimed, waiting = paces.admit(claimed, at=clock.now())
            worker.wait(waiting, lease)
            try:
                worker.work(claimed, lease)
            except Away as away:
                log.warning("mail.server_away", extra={"why": str(away)[:200]})
                worker.done.deferred += _give_back(lease, at=clock.now())
                break
    finally:
        worker.end()
    return worker.done


@dataclass
class _Worker:
    """One worker in one call: its connection, its journal, and the message that the database does not know sent yet."""

    clock: Clock
    epoch: UUID | None
    done: Sent = field(default_factory=Sent)
    unsettled: Settled | None = None
    conversation: Conversation = field(default_factory=Conversation)
    journal: Journal = field(default_factory=Journal)
    runs: dict[int, Run] = field(default_factory=dict)
    variants: dict[int, Variant] = field(default_factory=dict)
    slowed: set[str] = field(default_factory=set)  # domains that answered 421 in this call

    @cached_property
    def gate(self) -> Gate:
        """Asked only by a worker that has something to send."""
        return Gate(contact.pads(), self.epoch)

    def work(self, claimed: Sequence[Letter], lease: UUID) -> None:
        """Offer, intent, dot, settle, for each. Raises Away when the server is gone before an intent."""
        self._fetch(claimed)
        envelopes = (self._made(one) for one in claimed)
        current = next(envelopes, None)
        while current is not None:
            if current.fault:
                self.done.failed += _end(current.letter.id, lease, MessageState.FAILED, current.fault, "")
                log.error("mail.not_the_approved_words", extra={"message_id": str(current.letter.id)})
                current = next(envelopes, None)
                continue
            if paces.domain(current.letter.address) in self.slowed:
                self.wait([(current.letter, self.clock.now() + paces.SLOW)], lease)
                current = next(envelopes, None)
                continue
            offered = self.conversation.offer(*current.ends)
            if not offered.is_yes:
                self._refused(current.letter, lease, offered)
                current = next(envelopes, None)
                continue
            try:
                now = self.clock.now()
                self.gate.ask(
                    current.letter.id,
                    lease,
                    at=now,
                    until=now + INTENT_LEASE,
                    rules=current.rules(),
                    settled=self.unsettled,
                )
                following = next(envelopes, None)  # is made while the database commits
                verdict = self.gate.answer()
                self.unsettled = None
            except IntegrityError:
                # Another client's copy to this address was committed in the same moment.
                self._settle()
                verdict = "suppressed:duplicate_address"
                _end(current.letter.id, lease, MessageState.SUPPRESSED, "duplicate_address", "")
            if verdict == "go":
                self._hand_over(current, lease, following)
            else:
                self.conversation.drop()  # an unfinished DATA is not a message
                self._kept_back(current, lease, verdict)
            current = following

    def _hand_over(self, current: Envelope, lease: UUID, following: Envelope | None) -> None:
        letter = current.letter
        try:
            reply = self.conversation.hand_over(
                current.mime, then=following.ends if following and not following.fault else None
            )
        except Lost as lost:
            self.done.unconfirmed += _end(letter.id, lease, MessageState.UNCONFIRMED, "connection_lost", str(lost))
            log.warning("mail.unconfirmed", extra={"message_id": str(letter.id)})
            return
        if not reply.is_yes:
            self._refused(letter, lease, reply)
            return
        self.unsettled = Settled(letter.id, lease, self.clock.now(), str(reply))
        self.journal.write(self.unsettled)
        self.done.sent += 1

    def _kept_back(self, current: Envelope, lease: UUID, verdict: str) -> None:
        """Count what the gate did; put off until the morning what it found asleep."""
        if verdict.startswith("suppressed:"):
            self.done.suppressed += 1
        elif verdict == "held":
            self.done.deferred += 1
        elif verdict == "quiet":
            zone = Client.objects.values_list("timezone", flat=True).get(pk=current.letter.client)
            now = self.clock.now()
            opens = quiet.morning(zone=zone, hours=current.hours, at=now) or now
            run = current.run
            self._restrain(current, lease, limits.wait(run.plan, "quiet_hours", opens, launched_at=run.launched_at))
        elif verdict.startswith("pressed:"):
            pressed = json.loads(verdict.removeprefix("pressed:"))
            self._restrain(current, lease, limits.judge(current.run, pressed, at=self.clock.now()))
        elif verdict in WAITING:
            self.done.deferred += _later(current.letter, lease, verdict, due=self.clock.now() + LOOK_AGAIN)

    def _restrain(self, current: Envelope, lease: UUID, verdict: limits.Verdict) -> None:
        """Let a message wait, give it calmer words, or drop it."""
        kept = limits.restrain(_mine(current.letter.id, lease), verdict, at=self.clock.now())
        self.done.suppressed += kept is MessageState.SUPPRESSED
        self.done.deferred += kept is MessageState.PENDING

    def wait(self, letters: Sequence[tuple[Letter, datetime]], lease: UUID) -> None:
        """Put back what its provider is not to get yet; the others do not wait for it."""
        for letter, due in letters:
            self.done.deferred += _later(letter, lease, "rate_limited", due=due)

    def _made(self, letter: Letter) -> Envelope:
        """The message made again, if its bytes are those that were decided on. Asks the database nothing."""
        run = self.runs[letter.run]
        sender, mime = mail.sender(run.plan), b""
        try:
            made = assembly.render(
                self.variants[letter.variant],
                letter.merge,
                message_id=letter.id,
                address=letter.address,
                client_ref=letter.client_ref,
                purpose=run.plan["purpose"],
                at=letter.decided_at,
                sender=sender,
            )
            mime = made.mime if made.sha256 == letter.sha256 else b""
        except (assembly.Tampered, wording.MissingValue, wording.TooLong, mail.BadAddress):
            pass
        return Envelope(letter, mime, parseaddr(sender.mailbox)[1], run, "" if mime else "not_the_approved_words")

    def _fetch(self, claimed: Sequence[Letter]) -> None:
        """Runs and texts of these messages; the same few serve thousands."""
        self.runs |= Run.objects.in_bulk({one.run for one in claimed} - set(self.runs))
        self.variants |= Variant.objects.in_bulk({one.variant for one in claimed} - set(self.variants))

    def _refused(self, letter: Letter, lease: UUID, reply: Reply) -> None:
        """A definite no: 4xx is tried again later, 5xx is final. Nothing was sent, so nothing counts towards a cap."""
        now = self.clock.now()
        if reply.code == TOO_FAST:
            if self.slowed and paces.domain(letter.address) not in self.slowed:
                raise Away(str(reply))  # it is the server itself that wants a rest
            self.slowed.add(paces.domain(letter.address))
            paces.slow(letter.address, at=now)
        if reply.is_later and letter.attempts < len(BACK_OFF):
            due = now + BACK_OFF[letter.attempts]
            self.done.deferred += _later(letter, lease, "try_again", due=due, reply=str(reply), attempts=1)
            return
        hard = is_hard(reply)
        reason = "too_many_tries" if reply.is_later else "bounced" if hard else "refused_by_server"
        with transaction.atomic():
            won = _mine(letter.id, lease).update(
                state=MessageState.FAILED, reason=reason, reply=str(reply), intent_at=None, lease=None, lease_until=None
            )
            if won and not reply.is_later:
                message = Message.objects.get(pk=letter.id)
                tracking.bounced(message, hard=hard, detail=str(reply), at=now)
        self.done.failed += won

    def _settle(self) -> None:
        if self.unsettled is not None:
            bulk.gate.settle(self.unsettled)
            self.unsettled = None

    def end(self) -> None:
        """Settle the last one, say goodbye, and leave no journal of what the database knows."""
        try:
            self._settle()
            if self.done.sent:
                work.settled(at=self.clock.now())
        finally:
            self.journal.close(settled=self.unsettled is None)
            self.conversation.close()


def _mine(message_id: UUID, lease: UUID) -> QuerySet[Message]:
    """The row, if this worker still holds it."""
    return Message.objects.filter(pk=message_id, lease=lease, state__in=(MessageState.CLAIMED, MessageState.INTENT))


def _end(message_id: UUID, lease: UUID, state: MessageState, reason: str, reply: str) -> int:
    """Move a message that this worker holds out of the hand-over; 1, or 0 when the lease was lost."""
    token = lease if state == MessageState.UNCONFIRMED else None  # a late answer under this token still counts
    return _mine(message_id, lease).update(state=state, reason=reason, reply=reply[:300], lease=token, lease_until=None)


def _later(letter: Letter, lease: UUID, reason: str, *, due: datetime, reply: str = "", attempts: int = 0) -> int:
    """Put a message back, to be tried again from `due` on. It was not handed over, so it has no intent."""
    return _mine(letter.id, lease).update(
        state=MessageState.PENDING,
        reason=reason,
        reply=reply,
        due_at=due,
        intent_at=None,
        attempts=letter.attempts + attempts,
        lease=None,
        lease_until=None,
    )


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
    """(claims given back, messages now unconfirmed) among those whose worker did not come back in time.

    What a worker noted before it died is believed first: those messages are sent, and not in doubt.
    """
    recover()
    claims, doubts = bulk.transport.reap(at=at)
    if doubts:
        log.warning("mail.unconfirmed", extra={"doubts": doubts})
    return claims, doubts


def recover() -> int:
    """Settle what the journals of this machine know and the database does not; how many messages that were.

    Safe beside living workers, who settle the same; a journal goes when its worker is gone and nothing of it is open.
    """
    won = 0
    for path, lines in left():
        open_ = set(
            Message.objects.filter(pk__in=[one.message for one in lines], state__in=UNKNOWN).values_list(
                "pk", flat=True
            )
        )
        won += sum(bulk.gate.settle(one) for one in lines if one.message in open_)
        if is_orphan(path):
            path.unlink(missing_ok=True)
    return won


UNKNOWN = (MessageState.INTENT, MessageState.UNCONFIRMED)


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
