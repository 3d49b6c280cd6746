"""What came back for a message: opened, clicked, unsubscribed, bounced, complained."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from campaigns.bulk import engagement
from campaigns.models import Interaction, Message, MessageState
from compliance import consent, ledger
from compliance.models import Channel, Purpose
from personalize import profiles

log = logging.getLogger(__name__)

# Mail gateways and link checkers that follow every link before a person sees the mail.
SCANNER = re.compile(
    r"bot\b|crawl|spider|scan|barracuda|mimecast|proofpoint|symantec|messagelabs|trendmicro|sophos|forcepoint|fireeye|"
    r"safelinks|urldefense|cloudmark|ironport|linkcheck|preview|headless|curl|wget|python|java/|go-http|okhttp|axios|node",
    re.IGNORECASE,
)
# Fetch images on a person's behalf, or ahead of them (Apple's Mail Privacy Protection sends a bare "Mozilla/5.0").
PROXY = re.compile(r"googleimageproxy|ggpht|yahoomailproxy|outlook-?image|^mozilla/5\.0$", re.IGNORECASE)
PREFETCH_HEADERS = ("Purpose", "Sec-Purpose", "X-Purpose", "X-Moz")
TOO_SOON = timedelta(seconds=2)  # nobody reads a mail and clicks within two seconds of its hand-over
BURST = timedelta(seconds=3)  # clicks on several links within this time are a machine's


@dataclass(frozen=True, slots=True)
class Visitor:
    """What a request tells of who fetched a link."""

    agent: str
    method: str
    is_prefetch: bool

    @classmethod
    def of(cls, headers: Mapping[str, str], *, method: str) -> "Visitor":
        """Read the request's headers (case-insensitive mapping)."""
        ahead = any("prefetch" in headers.get(name, "").lower() for name in PREFETCH_HEADERS)
        return cls(headers.get("User-Agent", ""), method, ahead)


def classify(visitor: Visitor, *, sent_at: datetime | None, at: datetime) -> str:
    """One of human, scanner, prefetch, proxy. What is unclear is not a human."""
    if visitor.is_prefetch:
        return "prefetch"
    if PROXY.search(visitor.agent):
        return "proxy"
    if visitor.method != "GET" or not visitor.agent or SCANNER.search(visitor.agent):
        return "scanner"
    if sent_at is None or at - sent_at < TOO_SOON:
        return "scanner"
    return "human"


def opened(message_id: UUID, *, visitor: Visitor, at: datetime) -> bool:
    """Keep an open, if the client lets us measure; True when it counts as a person's first open."""
    message = _measured(message_id, at=at)
    if message is None:
        return False
    kind = classify(visitor, sent_at=message.sent_at, at=at)
    return _keep(message, Interaction.Kind.OPEN, kind, at=at)


def clicked(message_id: UUID, link: int, *, visitor: Visitor, at: datetime) -> str | None:
    """Where the link leads, by the approved words; None if they have no such link. The click is kept when measured."""
    message = Message.objects.select_related("variant").filter(pk=message_id).first()
    if message is None or message.variant is None or not 0 <= link < len(message.variant.links):
        return None
    target = str(message.variant.links[link])
    if _measured(message_id, at=at) is None:
        return target
    kind = classify(visitor, sent_at=message.sent_at, at=at)
    if kind == "human" and _part_of_a_burst(message, link, at=at):
        kind = "scanner"
    _keep(message, Interaction.Kind.CLICK, kind, at=at, link=link)
    if kind == "human":  # a person who clicked had opened, whatever the pixel could tell
        _keep(message, Interaction.Kind.OPEN, kind, at=at)
    return target


@transaction.atomic
def unsubscribed(message_id: UUID, *, mechanism: str, at: datetime) -> Message | None:
    """Withdraw what this message was sent under, before the answer; None for an unknown message. Safe to repeat."""
    message = Message.objects.select_related("campaign", "client").filter(pk=message_id).first()
    if message is None:
        return None
    purpose = message.campaign.purpose
    purpose = Purpose.MARKETING if purpose == Purpose.SERVICE else purpose
    consent.withdraw(
        message.client_id,
        purpose=purpose,
        channel=message.channel,
        surface=f"message:{message.pk}",
        mechanism=mechanism,
        by=f"client:{message.client_id}",
        at=at,
    )
    _keep(message, Interaction.Kind.UNSUBSCRIBE, "human", at=at)
    return message


@transaction.atomic
def bounced(message: Message, *, hard: bool, detail: str, at: datetime) -> None:
    """Keep a bounce with the server's own words; a hard one suppresses the address."""
    _keep(message, Interaction.Kind.BOUNCE, "provider", at=at, detail=detail)
    if hard and message.address:
        consent.suppress(
            message.address,
            channel=message.channel,
            reason="hard_bounce",
            source=f"message:{message.pk}",
            by="system:mail",
            at=at,
        )


@transaction.atomic
def complained(message: Message, *, detail: str, at: datetime) -> None:
    """Keep a spam complaint; it suppresses the address."""
    _keep(message, Interaction.Kind.COMPLAINT, "human", at=at, detail=detail)
    if message.address:
        consent.suppress(
            message.address,
            channel=message.channel,
            reason="complaint",
            source=f"message:{message.pk}",
            by="system:mail",
            at=at,
        )


def count_engagement(*, at: datetime) -> int:
    """Bring each client's sends and human opens of 90 days up to date; for how many clients they changed."""
    changed = engagement.count(at=at)
    if changed:
        profiles.mark_stale(changed)
    return len(changed)


def _measured(message_id: UUID, *, at: datetime) -> Message | None:
    message = (
        Message.objects.only("client_id", "sent_at", "state")
        .filter(pk=message_id, state__in=[MessageState.SENT, MessageState.INTENT, MessageState.UNCONFIRMED])
        .first()
    )
    if message is None:
        return None
    allowed = consent.may_send(message.client_id, purpose=Purpose.MEASUREMENT, channel=Channel.ANY, at=at)
    return message if allowed.ok else None


def _part_of_a_burst(message: Message, link: int, *, at: datetime) -> bool:
    recent = Interaction.objects.filter(message=message, kind=Interaction.Kind.CLICK, at__gt=at - BURST)
    others = recent.exclude(link=link)
    if others.values("link").distinct().count() < 1:
        return False
    others.update(is_human=False, actor_class="scanner")
    return True


def _keep(
    message: Message, kind: str, actor_class: str, *, at: datetime, link: int | None = None, detail: str = ""
) -> bool:
    human = actor_class == "human"
    try:
        with transaction.atomic():
            Interaction.objects.create(
                message=message,
                kind=kind,
                is_human=human,
                actor_class=actor_class,
                link=link,
                detail=detail[:300],
                at=at,
            )
    except IntegrityError:  # a person opens, unsubscribes and complains once per message
        return False
    if kind in (Interaction.Kind.UNSUBSCRIBE, Interaction.Kind.COMPLAINT, Interaction.Kind.BOUNCE):
        ledger.record(
            f"message.{kind}", by=f"client:{message.client_id}", at=at, about=f"message:{message.pk}", facts={}
        )
    log.info("message.%s", kind, extra={"message_id": str(message.pk), "actor_class": actor_class})
    return human
