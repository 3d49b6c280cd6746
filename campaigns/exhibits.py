"""What the hands add to a regulator's packet: every message with its reasons, and the exact bytes that left."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from campaigns import assembly, communications, explanations, mail, wording
from campaigns.models import Campaign, Interaction, Message
from compliance import packet
from compliance.matrix import told
from compliance.models import ConsentEvent, ReviewItem, ReviewState
from personalize import features
from personalize.models import Feature

CHUNK = 1_000
STORIES = 200  # messages told in the README; all are in messages.jsonl


def of(scope: packet.Scope) -> packet.Exhibits:
    """Everything about messages in this scope. Raises packet.BadScope for a campaign that is not there."""
    if scope.campaign and not Campaign.objects.filter(slug=scope.campaign).exists():
        raise packet.BadScope(f"There is no campaign {scope.campaign}.")
    messages = _messages(scope)
    used = messages.exclude(variant=None).values_list("variant__digest", "variant__blocks").distinct().order_by()
    digests = {one for variant, blocks in used for one in (variant, *blocks)}
    clients = sorted(messages.order_by().values_list("client_id", flat=True).distinct())
    campaigns = Campaign.objects.filter(pk__in=messages.order_by().values("campaign_id")).order_by("pk")
    runs = messages.order_by().exclude(run=None).values_list("run_id", flat=True).distinct()
    abouts = [f"{kind}:{one.pk}" for one in campaigns for kind in ("campaign", "campaigns_campaign")]
    abouts += [f"campaign:{one.slug}" for one in campaigns]
    abouts += [f"{kind}:{one}" for one in sorted(runs) for kind in ("run", "campaigns_run")]
    return packet.Exhibits(
        clients=clients,
        digests=digests,
        abouts=abouts,
        files=_files(messages),
        story=_story(messages),
    )


def _messages(scope: packet.Scope) -> QuerySet[Message]:
    found = Message.objects.select_related("run", "variant", "campaign", "client", "artefact")
    if scope.client:
        found = found.filter(client_id=scope.client)
    if scope.campaign:
        found = found.filter(campaign__slug=scope.campaign)
    if scope.begins:
        found = found.filter(decided_at__gte=scope.begins)
    if scope.ends:
        found = found.filter(decided_at__lt=scope.ends)
    return found.order_by("decided_at", "pk")


def _files(messages: QuerySet[Message]) -> Iterator[tuple[str, Iterator[bytes]]]:
    lost: set[UUID] = set()  # whose bytes cannot be made again; the others have a file
    for message in messages.exclude(mime_sha256=None).iterator(chunk_size=CHUNK):
        made = rendered(message)
        if made is None:
            lost.add(message.pk)
        else:
            yield _name(message), iter([made.mime])
    yield "messages.jsonl", _rows(messages, lost)
    yield from communications.files(messages)


def _rows(messages: QuerySet[Message], lost: set[UUID]) -> Iterator[bytes]:
    """One JSON line a message, in the order of decision."""
    known = features.registry()
    chunk: list[Message] = []
    for message in messages.iterator(chunk_size=CHUNK):
        chunk.append(message)
        if len(chunk) == CHUNK:
            yield from _lines(chunk, lost, known)
            chunk = []
    yield from _lines(chunk, lost, known)


def _lines(chunk: list[Message], lost: set[UUID], known: tuple[Feature, ...]) -> Iterator[bytes]:
    back: dict[Any, list[dict[str, Any]]] = {}
    came = Interaction.objects.filter(message__in=[one.pk for one in chunk]).order_by("at", "pk")
    for one in came.values("message_id", "kind", "at", "is_human", "actor_class", "link"):
        back.setdefault(one.pop("message_id"), []).append(one)
    for message in chunk:
        row = _row(message, back.get(message.pk, []), known, is_lost=message.pk in lost)
        yield json.dumps(row, default=packet.plain, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _row(
    message: Message, came_back: list[dict[str, Any]], known: tuple[Feature, ...], *, is_lost: bool
) -> dict[str, Any]:
    row = {one.attname: getattr(message, one.attname) for one in message._meta.concrete_fields}
    sha256 = row.pop("mime_sha256")
    sha256 = bytes(sha256).hex() if sha256 is not None else None
    return {
        **row,
        "sha256": sha256,
        "file": _name(message) if sha256 and not is_lost else None,
        "client_ref": message.client.ref,
        "campaign": message.campaign.slug,
        "variant": message.variant.digest if message.variant else None,
        "blocks": message.variant.blocks if message.variant else [],
        "model": message.artefact.sha256 if message.artefact else None,
        "seed": message.run.seed if message.run else None,
        "candidates": message.run.plan.get("slots") if message.run else None,
        "because": explanations.for_client(message, known),
        "came_back": came_back,
    }


def rendered(message: Message) -> assembly.Rendered | None:
    """The message as it left, if its bytes can still be made and are the ones that were kept on record."""
    if message.variant is None or message.mime_sha256 is None:
        return None
    try:
        made = assembly.again(message)
    except (assembly.Tampered, wording.MissingValue, wording.TooLong, mail.BadAddress):
        return None
    return made if made.sha256 == bytes(message.mime_sha256) else None


def _name(message: Message) -> str:
    return f"rendered/{bytes(message.mime_sha256 or b'').hex()}.eml"


def _story(messages: QuerySet[Message]) -> list[dict[str, Any]]:
    newest = list(messages.reverse()[:STORIES])
    events = ConsentEvent.objects.select_related("wording").in_bulk([one.consent for one in newest if one.consent])
    wanted = {one for message in newest if message.variant for one in (message.variant.digest, *message.variant.blocks)}
    items = ReviewItem.objects.filter(digest__in=wanted, state=ReviewState.APPROVED).prefetch_related("approvals__by")
    approved = {one.digest: one for one in items}
    return [_told(one, events.get(one.consent), approved) for one in newest]


def _told(message: Message, event: ConsentEvent | None, approved: dict[str, ReviewItem]) -> dict[str, Any]:
    when, texts = message.sent_at or message.decided_at, []
    if message.variant:
        texts = [approved[one] for one in (message.variant.digest, *message.variant.blocks) if one in approved]
    made = rendered(message)
    title = made.subject if made else message.variant.subject if message.variant else ""
    return {
        "when": f"{when:%Y-%m-%d %H:%M:%S}",
        "title": title or message.campaign.name,
        "what": f"client {message.client.user_id or message.client_id}, campaign “{message.campaign.name}”, "
        + message.get_state_display()
        + (f" ({message.reason})" if message.reason else ""),
        "because": explanations.for_client(message),
        "consent": f"the client’s record reads: {told(event)}" if event else "",
        "approved": "; ".join(
            f"“{one.title}” by {_approvers(one)} on {one.decided_at:%Y-%m-%d %H:%M} (review {one.pk})"
            for one in texts
            if one.decided_at
        ),
        "file": _name(message) if made else "",
        "is_lost": message.mime_sha256 is not None and made is None,
    }


def _approvers(item: ReviewItem) -> str:
    """Everybody whose yes the text needed, not only the last."""
    return " and ".join(one.by.username for one in item.approvals.all() if one.round == item.round)
