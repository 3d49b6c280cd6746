"""What the hands add to a regulator's packet: every message with its reasons, and the exact bytes that left."""

import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import IO, Any
from uuid import UUID

import msgspec
from django.db.models import F, Model, QuerySet

from campaigns import assembly, attachments, communications, explanations, mail, wording
from campaigns.models import Campaign, Interaction, Message, Run, Variant
from compliance import packet
from compliance.bulk import among
from compliance.matrix import told
from compliance.models import ConsentEvent, ReviewItem, ReviewState
from compliance.packet_schemas import of_rows
from personalize import features
from personalize.models import Artefact, Feature

CHUNK = 1_000
STORIES = 200  # messages told in the README; all are in messages.jsonl
APART = 1_000  # messages up to which each is a file of its own, which a mail program opens
SHARD, BLOCK, MOST_KEPT = 8 << 20, 1 << 20, 50_000  # bytes, bytes, rows
COLUMNS = tuple(one.attname for one in Message._meta.concrete_fields)
BINARY = ("closed", "features", "own", "mime_sha256")
TEXTS = {"digest": "string", "subject": "string", "preheader": "string", "text": "string", "html": "string",
         "links": "array"}  # fmt: skip
SCHEMAS = {
    "messages.jsonl": of_rows("Every message, with its decision and what came of it", {
        "id": "string", "client_ref": "string", "client_id": "integer", "campaign": "string", "channel": "string",
        "arm": "string", "state": "string", "reason": "string", "variant": ["string", "null"], "blocks": "array",
        "choice": "array", "closed": "string", "propensity": "number", "slot_propensity": "array",
        "score": ["number", "null"], "policy": "string", "model": ["string", "null"], "reasons": "array",
        "reason_values": "array", "features": "string", "feature_version": "integer", "consent": ["string", "null"],
        "merge": "object", "decided_at": "string", "sent_at": ["string", "null"], "sha256": ["string", "null"],
        "file": ["string", "null"], "at": "integer", "bytes": "integer", "because": "array", "came_back": "array",
    }, also=True),
    "runs.jsonl": of_rows("Every launch, with the plan that all its messages share", {
        "id": "integer", "campaign": "string", "number": "integer", "launched_at": "string", "launched_by": "string",
        "seed": "integer", "plan": "object",
    }),
    "communications.csv": of_rows("One line a text of a campaign", dict.fromkeys(communications.FIELDS, "string")),
    "communications.jsonl": of_rows("The same as communications.csv", {
        **dict.fromkeys(communications.FIELDS, "string"), "recipients": "integer",
    }),
    "texts/": of_rows("The words of one text", TEXTS),
}  # fmt: skip


def of(scope: packet.Scope, *, most_apart: int = APART) -> packet.Exhibits:
    """Everything about messages in this scope. Raises packet.BadScope for a campaign that is not there.

    most_apart  see APART
    """
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
    apart = messages.count() <= most_apart
    return packet.Exhibits(
        clients=clients,
        digests=digests,
        abouts=abouts,
        files=_files(messages, apart=apart),
        schemas={**SCHEMAS, **attachments.SCHEMAS},
        story=_story(messages, apart=apart),
    )


def _messages(scope: packet.Scope) -> QuerySet[Message]:
    found = Message.objects.all()
    if scope.client:
        found = found.filter(client_id=scope.client)
    if scope.campaign:
        found = found.filter(campaign__slug=scope.campaign)
    if scope.begins:
        found = found.filter(decided_at__gte=scope.begins)
    if scope.ends:
        found = found.filter(decided_at__lt=scope.ends)
    return found.order_by("decided_at", "pk")


def _files(messages: QuerySet[Message], *, apart: bool) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The bytes that left, messages.jsonl, and what belongs to them; rows wait in a file until all bytes are out."""
    with tempfile.TemporaryFile() as rows:
        yield from _rendered(messages, rows, apart=apart)
        rows.seek(0)
        yield "messages.jsonl", iter(partial(rows.read, BLOCK), b"")
    yield "runs.jsonl", _json(_run(one) for one in _runs(messages))
    yield from communications.files(messages)
    yield from attachments.files(messages)


def _rendered(messages: QuerySet[Message], rows: IO[bytes], *, apart: bool) -> Iterator[tuple[str, Iterator[bytes]]]:
    """One pass over the messages: a row of each is written, and its bytes go into a file apart or one of many."""
    known, things, shard, number = features.registry(), Things(), bytearray(), 1
    found = messages.select_related("hour").annotate(ref=F("client__ref")).iterator(chunk_size=CHUNK)
    while chunk := list(islice(found, CHUNK)):
        back = _came_back(chunk)
        for message in chunk:
            things.fill(message)
            made = rendered(message, ref=message.ref)  # type: ignore[attr-defined]
            place: dict[str, Any] = {"file": None, "at": 0, "bytes": 0}
            if made is not None:
                name = _name(message) if apart else f"rendered/{number:05}.txt"
                place = {"file": name, "at": len(shard), "bytes": len(made.mime)}
                if apart:
                    yield name, iter([made.mime])
                else:
                    shard += made.mime
            rows.write(_line(_row(message, back.get(message.pk, []), known) | place))
        if len(shard) >= SHARD:
            yield f"rendered/{number:05}.txt", iter([bytes(shard)])
            shard.clear()
            number += 1
    if shard:
        yield f"rendered/{number:05}.txt", iter([bytes(shard)])


class Things:
    """What many messages share, read once."""

    def __init__(self) -> None:
        self.known: dict[tuple[type[Model], Any], Any] = {}

    def fill(self, message: Message) -> None:
        """Give the message its run, campaign, text and model without a query for each, as select_related would."""
        kept = message._state.fields_cache
        kept["run"] = self._get(Run, message.run_id)
        kept["campaign"] = self._get(Campaign, message.campaign_id)
        kept["variant"] = self._get(Variant, message.variant_id)
        kept["artefact"] = self._get(Artefact, message.artefact_id)

    def _get(self, model: type[Model], key: Any) -> Any:
        if key is None:
            return None
        if (model, key) not in self.known:
            if len(self.known) >= MOST_KEPT:
                self.known.clear()
            self.known[model, key] = model._default_manager.get(pk=key)
        return self.known[model, key]


def _came_back(chunk: list[Message]) -> dict[Any, list[dict[str, Any]]]:
    back: dict[Any, list[dict[str, Any]]] = {}
    came = Interaction.objects.filter(message__in=among([one.pk for one in chunk], kind="uuid")).order_by("at", "pk")
    for one in came.values("message_id", "kind", "at", "is_human", "actor_class", "link"):
        back.setdefault(one.pop("message_id"), []).append(one)
    return back


def _row(message: Message, came_back: list[dict[str, Any]], known: tuple[Feature, ...]) -> dict[str, Any]:
    held = message.__dict__  # read as it is: thirty descriptors a message take longer than writing its line
    row = {name: held[name] for name in COLUMNS}
    for name in BINARY:
        row[name] = bytes(row[name] or b"").hex()
    return {
        **row,
        "sha256": row.pop("mime_sha256") or None,
        "client_ref": message.ref,  # type: ignore[attr-defined]
        "campaign": message.campaign.slug,
        "variant": message.variant.digest if message.variant else None,
        "blocks": message.variant.blocks if message.variant else [],
        "model": message.artefact.sha256 if message.artefact else None,
        "because": explanations.for_client(message, known),
        "came_back": came_back,
    }


def _runs(messages: QuerySet[Message]) -> QuerySet[Run]:
    named = messages.order_by().exclude(run=None).values("run_id").distinct()
    return Run.objects.filter(pk__in=named).select_related("campaign", "launched_by").order_by("pk")


def _run(run: Run) -> dict[str, Any]:
    """What every message of a run shares: the plan with all candidates of every place, and the seed of the draws."""
    return {
        "id": run.pk, "campaign": run.campaign.slug, "number": run.number, "launched_at": run.launched_at,
        "launched_by": run.launched_by.username, "seed": run.seed, "plan": run.plan,
    }  # fmt: skip


def _json(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    return (_line(one) for one in rows)


def _line(row: dict[str, Any]) -> bytes:
    return msgspec.json.encode(row, order="deterministic", enc_hook=packet.plain) + b"\n"


def rendered(message: Message, *, ref: UUID | None = None) -> assembly.Rendered | None:
    """The message as it left, if its bytes can still be made and are the ones that were kept on record.

    ref  of its client, by whoever has read it already
    """
    if message.variant is None or message.mime_sha256 is None:
        return None
    try:
        made = assembly.again(message, ref=ref)
    except (assembly.Tampered, wording.MissingValue, wording.TooLong, mail.BadAddress):
        return None
    return made if made.sha256 == bytes(message.mime_sha256) else None


def _name(message: Message) -> str:
    return f"rendered/{bytes(message.mime_sha256 or b'').hex()}.eml"


def _story(messages: QuerySet[Message], *, apart: bool) -> list[dict[str, Any]]:
    things = ("run", "variant", "campaign", "client", "artefact", "hour")
    newest = list(messages.select_related(*things).reverse()[:STORIES])
    events = ConsentEvent.objects.select_related("wording").in_bulk([one.consent for one in newest if one.consent])
    wanted = {one for message in newest if message.variant for one in (message.variant.digest, *message.variant.blocks)}
    items = ReviewItem.objects.filter(digest__in=wanted, state=ReviewState.APPROVED).prefetch_related("approvals__by")
    approved = {one.digest: one for one in items}
    return [_told(one, events.get(one.consent), approved, apart=apart) for one in newest]


def _told(
    message: Message, event: ConsentEvent | None, approved: dict[str, ReviewItem], *, apart: bool
) -> dict[str, Any]:
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
        "number": str(message.pk),
        "file": _name(message) if made and apart else "",
        "is_lost": message.mime_sha256 is not None and made is None,
    }


def _approvers(item: ReviewItem) -> str:
    """Everybody whose yes the text needed, not only the last."""
    return " and ".join(one.by.username for one in item.approvals.all() if one.round == item.round)
