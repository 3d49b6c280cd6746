"""The regulator's file: everything about a client, a campaign or a period, readable and verifiable by a stranger.

The same state gives the same bytes. Other packages add what they know as `Exhibits`.
"""

import csv
import hashlib
import io
import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, models, transaction
from django.template.loader import render_to_string
from django.utils.timezone import make_aware

from compliance import bulk, datamap, ledger, notes, packet_proofs, packet_schemas, receipts
from compliance.incidents import exhibit
from compliance.models import (
    Approval,
    Certificate,
    Checkpoint,
    Competence,
    CopyRule,
    Packet,
    ReviewItem,
    Staff,
    Topic,
    Vulnerability,
)
from compliance.packet_archive import Archive
from compliance.processing import register

log = logging.getLogger(__name__)
LEFT = "Whoever asked for this packet may no longer read it; ask again."
OPEN = ("waiting", "building")  # a worker that dies while building leaves the row to the next one
EACH_PROVEN = 20_000  # entries up to which each has its own proof; more of them share the hashes of what lies between
OF_ONE = (Vulnerability,)  # told of the one client a packet is about, of nobody among many
FORMULA = ("=", "+", "-", "@", "\t", "\r")

HOUR, MOST = timedelta(hours=1), 20  # whoever took over an officer's session carries off no more than so many


class BadScope(ValueError):
    """A packet needs a client, a campaign or a period, and there were not too many lately. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a packet is about: a client's number, a campaign's slug, and days from `start` to `end`, both included."""

    client: int | None = None
    campaign: str = ""
    start: date | None = None
    end: date | None = None

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> "Scope":
        """The scope as a Packet row keeps it."""
        day = {name: date.fromisoformat(kept[name]) if kept.get(name) else None for name in ("from", "to")}
        return cls(kept.get("client"), kept.get("campaign") or "", day["from"], day["to"])

    def kept(self) -> dict[str, Any]:
        """The scope as JSON."""
        days = {"from": self.start and self.start.isoformat(), "to": self.end and self.end.isoformat()}
        return {"client": self.client, "campaign": self.campaign or None, **days}

    @property
    def begins(self) -> datetime | None:
        """The first moment of the period, or None."""
        return make_aware(datetime.combine(self.start, time.min)) if self.start else None

    @property
    def ends(self) -> datetime | None:
        """The first moment after the period, or None."""
        return make_aware(datetime.combine(self.end + timedelta(days=1), time.min)) if self.end else None


@dataclass(slots=True)
class Exhibits:
    """What another package adds to a packet.

    clients  whom it concerns · digests  of texts whose reviews belong to it · abouts  ledger names of its things
    files    (path, lines or bytes) · schemas  by path, or by folder with a slash: see `packet_schemas`
    story    what the README tells of each message: {"when", "title", "what", "because",
             "consent", "approved", "number", "file": where each has its own, "is_lost": its bytes cannot be made again}
    """

    clients: list[int] = field(default_factory=list)
    digests: set[str] = field(default_factory=set)
    abouts: list[str] = field(default_factory=list)
    files: Iterable[tuple[str, Iterable[bytes]]] = ()
    schemas: dict[str, dict[str, Any]] = field(default_factory=dict)
    story: list[dict[str, Any]] = field(default_factory=list)


@transaction.atomic
def request(scope: Scope, *, reason: str, by: Staff, at: datetime) -> Packet:
    """Ask for a packet, with a reason; a worker builds it. Raises BadScope, also for one more than MOST in an hour."""
    if not (scope.client or scope.campaign or scope.start or scope.end) or not reason.strip():
        raise BadScope("Name a client, a campaign or a period, and say why.")
    if scope.start and scope.end and scope.end < scope.start:
        raise BadScope("The period ends before it begins.")
    if scope.end == date.max:
        raise BadScope("Choose an earlier last day, or leave it empty.")
    Staff.objects.select_for_update().get(pk=by.pk)  # whoever asks twice at once is counted one after the other
    if Packet.objects.filter(requested_by=by, requested_at__gt=at - HOUR).count() >= MOST:
        raise BadScope(f"You asked for {MOST} packets within an hour. Wait a little, or ask for a longer period.")
    asked = Packet.objects.create(scope=scope.kept(), reason=reason.strip()[:200], requested_by=by, requested_at=at)
    ledger.record(
        "packet.requested", by=by, at=at, about=f"packet:{asked.pk}", facts={**scope.kept(), "reason": reason}
    )
    return asked


def build(packet_id: int, *, exhibits: Callable[[Scope], Exhibits], at: datetime) -> bool:
    """Build a requested packet on disk; False when it is done or another worker is at it. Safe to run twice."""
    if not bulk.hold(packet_id):
        return False
    try:
        asked = Packet.objects.select_related("requested_by").filter(pk=packet_id, state__in=OPEN).first()
        if asked is None:
            return False
        if not asked.requested_by.has_perm("compliance.oversee"):  # also whoever was made inactive meanwhile
            Packet.objects.filter(pk=packet_id).update(state="failed", error=LEFT)
            return False
        Packet.objects.filter(pk=packet_id).update(state="building", done=0)
        _build(asked, exhibits, at)
        return True
    finally:
        bulk.let_go(packet_id)


def waiting() -> list[int]:
    """Packets that are asked for and not built."""
    return list(Packet.objects.filter(state__in=OPEN).order_by("pk").values_list("pk", flat=True))


def _build(asked: Packet, exhibits: Callable[[Scope], Exhibits], at: datetime) -> None:
    settings.PACKETS.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = settings.PACKETS / f"packet-{asked.pk}.zip"
    part = path.with_suffix(".part")
    rows, scope = Packet.objects.filter(pk=asked.pk), Scope.read(asked.scope)
    try:
        write(part, scope, exhibits=exhibits(scope), tell=lambda files: rows.update(done=files))
        with part.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        part.rename(path)
    except (OSError, ValueError, OverflowError, DatabaseError) as error:
        log.exception("packet.failed", extra={"packet": asked.pk})
        told = str(error) if isinstance(error, BadScope) else f"{type(error).__name__}: {error}"
        rows.update(state="failed", error=told[:300])
        part.unlink(missing_ok=True)
        return
    with transaction.atomic():
        rows.update(state="ready", path=str(path), sha256=sha256)
        ledger.record("packet.built", by="system:worker", at=at, about=f"packet:{asked.pk}", facts={"sha256": sha256})


def write(
    target: IO[bytes] | Path, scope: Scope, *, exhibits: Exhibits, tell: Callable[[int], Any] = lambda files: None,
    each_proven: int = EACH_PROVEN,
) -> dict[str, Any]:  # fmt: skip
    """Write the packet and return its manifest. Reads only; rows are streamed, never all in memory.

    tell  is told now and then how many files there are · each_proven  see EACH_PROVEN
    """
    clients = sorted({*exhibits.clients, *([scope.client] if scope.client else [])})
    reviews = list(_reviews(scope, exhibits))
    abouts = [
        *(f"{kind}:{one}" for one in clients for kind in ("client", "compliance_client")),
        *(f"{kind}:{one.pk}" for one in reviews for kind in ("review", "compliance_reviewitem")),
        *exhibits.abouts,
    ]
    head = Checkpoint.objects.order_by("-size").first()
    schemas = {**packet_schemas.OURS, **exhibits.schemas}
    with Archive(target) as archive:
        given = 0

        def add(name: str, lines: Iterable[bytes]) -> None:
            nonlocal given
            archive.add(name, lines)
            given += 1
            if given % 50 == 1:
                tell(given)

        for model, declared in datamap.tables():
            path = _path(model, declared)
            if path and (scope.client or (model._meta.app_label == "compliance" and model not in OF_ONE)):
                name, names = f"records/{model._meta.label_lower}.jsonl", _names(model)
                schemas[name] = packet_schemas.of_model(model, names)
                add(name, _records(model, path, names, clients))
        add("reviews.jsonl", _json(_review(one) for one in reviews))
        add("approvals.csv", table(packet_schemas.APPROVALS, _approvals(reviews)))
        add("certificates.jsonl", _json(_certificates(clients)))
        if scope.client:
            schemas["consent/receipts.jsonl"] = receipts.SCHEMA
            add("consent/receipts.jsonl", _json(receipts.of(clients)))
        add("incidents.jsonl", _json(_incidents(scope, exhibits, clients, reviews)))
        add("processing/purposes.jsonl", _json(register.purposes()))
        add("processing/tables.jsonl", _json(register.tables()))
        add("rules/topics.jsonl", _json(Topic.objects.order_by("code").values()))
        add("rules/copy_rules.jsonl", _json(CopyRule.objects.order_by("code", "version").values()))
        add("ledger/checkpoint.txt", [head.note.encode() if head else b""])
        for name, lines in packet_proofs.files(
            everything=not (scope.client or scope.campaign), abouts=abouts, clients=clients, start=scope.begins,
            end=scope.ends, size=head.size if head else 0, each_proven=each_proven,
        ):  # fmt: skip
            add(name, lines)
        for name, parts in exhibits.files:
            add(name, parts)
        add("verify.py", [Path(__file__).with_name("packet_check.py").read_bytes()])
        for path, schema in sorted(schemas.items()):
            add(packet_schemas.name_of(path), [json.dumps(schema, indent=1, sort_keys=True).encode()])
        manifest = {
            "format": 3,
            "firm": settings.FIRM["legal_name"],
            "scope": scope.kept(),
            "checkpoint_size": head.size if head else 0,
            "ledger_key": notes.verifier(),
            "schemas": {path: packet_schemas.name_of(path) for path in schemas},
        }
        add("README.html", [_readme(scope, manifest, archive.told(), exhibits)])
        manifest["files"] = sorted(archive.told(), key=lambda one: one["path"])
        archive.add("manifest.json", [json.dumps(manifest, indent=1, sort_keys=True).encode()])
    return manifest


def _reviews(scope: Scope, exhibits: Exhibits) -> models.QuerySet[ReviewItem]:
    items = ReviewItem.objects.select_related("submitted_by", "decided_by", "seed").order_by("pk")
    if scope.client or scope.campaign:
        return items.filter(digest__in=exhibits.digests)
    if scope.begins:
        items = items.filter(submitted_at__gte=scope.begins)
    return items.filter(submitted_at__lt=scope.ends) if scope.ends else items


def _incidents(
    scope: Scope, exhibits: Exhibits, clients: list[int], reviews: list[ReviewItem]
) -> Iterator[dict[str, Any]]:
    named = {one.removeprefix("campaign:") for one in exhibits.abouts if one.startswith("campaign:")}
    everybody = not (scope.client or scope.campaign)
    return exhibit.rows(
        clients=None if everybody else clients, campaigns=named, reviews=reviews, begins=scope.begins, ends=scope.ends
    )


def _review(item: ReviewItem) -> dict[str, Any]:
    people = {"submitted_by": item.submitted_by.username, "decided_by": item.decided_by and item.decided_by.username}
    row = {one.attname: getattr(item, one.attname) for one in item._meta.concrete_fields}
    approvals = item.approvals.order_by("pk").values("round", "digest", "by__username", "by__role", "at", "reason")
    return {**row, **people, "approvals": list(approvals)}


def _approvals(reviews: Iterable[ReviewItem]) -> Iterator[dict[str, Any]]:
    """Each yes to exact words, and what showed that whoever gave it could judge them (COBS 4.11.1R(2B))."""
    given = Approval.objects.filter(item__in=[one.pk for one in reviews]).select_related("by", "item")
    held: dict[int, list[Competence]] = defaultdict(list)
    for one in Competence.objects.order_by("staff", "area", "pk"):
        held[one.staff_id].append(one)
    for yes in given.order_by("item", "round", "pk"):
        shown = [
            f"{one.area}: {one.evidence}"
            for one in held[yes.by_id]
            if one.valid_from <= yes.at < one.valid_until and (one.ended_at is None or one.ended_at > yes.at)
        ]
        yield {
            "review": yes.item_id, "digest": yes.digest, "kind": yes.item.kind, "title": yes.item.title,
            "round": yes.round, "by": yes.by.username, "role": yes.by.role, "at": yes.at.isoformat(),
            "reason": yes.reason, "covers": json.dumps(yes.scope, sort_keys=True), "competence": "; ".join(shown),
            "stands": yes.item.get_state_display() if yes.round == yes.item.round else "an earlier round",
            "until": yes.item.valid_until.isoformat() if yes.item.valid_until else "",
        }  # fmt: skip


def _certificates(clients: list[int]) -> Iterator[dict[str, Any]]:
    """What lets a client be told of non-mass-market investments (COBS 4.12B)."""
    found = Certificate.objects.filter(client__in=bulk.among(clients)).order_by("pk")
    for one in found.select_related("client", "recorded_by", "ended_by").iterator(chunk_size=1_000):
        yield {
            "client_ref": one.client.ref, "kind": one.kind, "words": one.get_kind_display(),
            "signed_on": one.signed_on, "until": one.until, "evidence": one.evidence,
            "recorded_by": one.recorded_by.username, "recorded_at": one.recorded_at, "ended_on": one.ended_on,
            "ended_by": one.ended_by and one.ended_by.username,
        }  # fmt: skip


def _names(model: type[models.Model]) -> list[str]:
    return [one.attname for one in model._meta.concrete_fields]


def _records(model: type[models.Model], path: str, names: list[str], clients: list[int]) -> Iterator[bytes]:
    found = model._default_manager.filter(**{f"{path}__in": bulk.among(clients)}).order_by("pk")
    return bulk.rows(found.values(*names))


def _path(model: type[models.Model], declared: datamap.PersonalData) -> str | None:
    """How to reach the client from this table; None where one row names many clients."""
    if declared.client in ("", "self"):
        return "pk" if declared.client else None
    first = model._meta.get_field(declared.client.split("__")[0])
    return declared.client if first.is_relation else None


def _readme(scope: Scope, manifest: dict[str, Any], files: list[dict[str, Any]], exhibits: Exhibits) -> bytes:
    context = {"scope": scope, "manifest": manifest, "files": files, "story": exhibits.story, "firm": settings.FIRM}
    return render_to_string("packet/readme.html", context).encode()


def _json(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    for row in rows:
        yield json.dumps(row, default=plain, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def table(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """RFC 4180 in UTF-8 with a header; nothing in it is run by a program that opens it."""
    for row in (dict(zip(names, names, strict=True)), *rows):
        line = io.StringIO()
        csv.writer(line, lineterminator="\r\n").writerow([cell(row[name]) for name in names])
        yield line.getvalue().encode()


def cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it; everything else as it is.

    Source: OWASP, CSV Injection: = + - @, tab and carriage return at the start.
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def plain(value: Any) -> Any:
    """What JSON does not know, as text: times in ISO form, bytes in hex."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a packet")
