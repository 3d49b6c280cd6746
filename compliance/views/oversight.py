"""The compliance officer's pages: what is open, the ledger, and packets for regulators."""

import re
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.db.models import Max, Q
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.timezone import localtime, make_aware, now
from django.views.decorators.http import require_GET, require_POST

from compliance import anchors, bulk, ledger, packet, privileges
from compliance.models import Checkpoint, Client, LedgerEntry, Packet, ReviewItem, Suppression
from compliance.web import answer, needs, page

PER_PAGE = 50
OVERSEE = "compliance.oversee"


@require_GET
@needs(OVERSEE)
def oversight(request: HttpRequest) -> HttpResponse:
    """What needs an officer's eye today."""
    at = now()
    today = localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    head = Checkpoint.objects.order_by("-size").first()
    waiting = ReviewItem.objects.open()
    context = {
        "at": at,
        "owned": privileges.application_owns(),
        "open_items": waiting.count(),
        "late_items": waiting.filter(due_at__lt=at).count(),
        "next_items": waiting.select_related("submitted_by").order_by("due_at", "pk")[:5],
        "head": head,
        "unsealed": (LedgerEntry.objects.aggregate(last=Max("id"))["last"] or 0) > (head.last_entry if head else 0),
        "suppressed_today": Suppression.objects.filter(since__gte=today).count(),
        "suppressed": Suppression.objects.count(),
        "packets": Packet.objects.select_related("requested_by").order_by("-pk")[:5],
        "deeds": LedgerEntry.objects.exclude(kind__startswith="row.").order_by("-id")[:10],
    }
    return page(request, "compliance/oversight.html", context)


@require_GET
@needs(OVERSEE)
def ledger_page(request: HttpRequest) -> HttpResponse:
    """Search the ledger by what, kind, who and day; newest first, older pages by the last number seen."""
    asked = {name: request.GET.get(name, "").strip() for name in ("about", "kind", "actor", "from", "to", "before")}
    entries = _search(asked)
    rows = list(entries[: PER_PAGE + 1])
    before = bulk.images_before([one.pk for one in rows[:PER_PAGE]])
    images = LedgerEntry.objects.in_bulk(list(before.values()))
    shown = [_shown(one, images.get(before.get(one.pk, 0))) for one in rows[:PER_PAGE]]
    context = {
        "asked": asked,
        "rows": shown,
        "older": rows[PER_PAGE - 1].pk if len(rows) > PER_PAGE else None,
        "head": Checkpoint.objects.order_by("-size").first(),
    }
    return page(request, "compliance/ledger.html", context, part="found")


@require_GET
@needs(OVERSEE)
def ledger_verify(request: HttpRequest) -> HttpResponse:
    """Read the whole ledger again and say whether it is sound."""
    return page(request, "compliance/verify.html", {"verdict": ledger.verify(outside=anchors.outside()), "at": now()})


@require_GET
@needs(OVERSEE)
def packets(request: HttpRequest) -> HttpResponse:
    """Packets asked for, and the form to ask for another."""
    return page(request, "compliance/packets.html", _packets({}, ""), part="list")


@require_POST
@needs(OVERSEE)
def packet_new(request: HttpRequest) -> HttpResponse:
    """Ask for a packet, with a reason; a worker builds it."""
    form, problem, status = request.POST, "", 200
    try:
        scope = _scope(form)
        packet.request(scope, reason=form.get("reason", ""), by=request.user, at=now())  # type: ignore[arg-type]
    except packet.BadScope as error:
        problem, status = str(error), 422
    context = _packets(form if problem else {}, problem)
    return answer(request, "compliance/packets.html", context, part="list", then="packets", status=status)


@require_GET
@needs(OVERSEE)
def packet_file(request: HttpRequest, packet_id: int) -> HttpResponse:
    """Hand over a built packet; that it was handed over, and to whom, is in the ledger."""
    asked = get_object_or_404(Packet, pk=packet_id, state="ready")
    path = Path(asked.path)
    if not path.is_file():
        raise Http404("The file is no longer there.")
    facts = {"sha256": asked.sha256}
    ledger.record("packet.downloaded", by=request.user, at=now(), about=f"packet:{asked.pk}", facts=facts)  # type: ignore[arg-type]
    return FileResponse(path.open("rb"), as_attachment=True, filename=path.name, content_type="application/zip")


def _packets(form: Any, problem: str) -> dict[str, Any]:
    asked = list(Packet.objects.select_related("requested_by").order_by("-pk")[:PER_PAGE])
    names = dict(
        Client.objects.filter(pk__in=[one.scope["client"] for one in asked if one.scope["client"]]).values_list(
            "pk", "user_id"
        )
    )
    for one in asked:
        one.client_name = names.get(one.scope["client"]) or one.scope["client"]  # type: ignore[attr-defined]
    busy = any(one.state in packet.OPEN for one in asked)
    return {"packets": asked, "busy": busy, "form": form, "problem": problem}


def _scope(form: Any) -> packet.Scope:
    named, client = form.get("client", "").strip(), None
    if named:
        wanted = Q(user_id=named) | (Q(pk=int(named)) if re.fullmatch(r"\d{1,18}", named) else Q(pk=None))
        client = Client.objects.filter(wanted).values_list("pk", flat=True).first()
        if client is None:
            raise packet.BadScope(f"There is no client {named}.")
    days = {name: _day(form.get(name, "")) for name in ("from", "to")}
    for name, day in days.items():
        if form.get(name) and day is None:
            raise packet.BadScope(f"“{form[name]}” is no day that a packet can begin or end with.")
    return packet.Scope(client, form.get("campaign", "").strip()[:80], days["from"], days["to"])


def _search(asked: dict[str, str]) -> Any:
    found = LedgerEntry.objects.select_related("leaf").order_by("-id")
    if asked["about"]:
        wanted = Q(about=asked["about"])
        client = re.fullmatch(r"(?:client:|compliance_client:)?(\d{1,18})", asked["about"])
        if client:
            wanted |= Q(about__in=[f"client:{client[1]}", f"compliance_client:{client[1]}"])
            wanted |= Q(facts__has_key="client_id", facts__client_id=int(client[1]))
        found = found.filter(wanted)
    if asked["kind"]:
        found = found.filter(kind__startswith=asked["kind"])
    if asked["actor"]:
        found = found.filter(actor=asked["actor"])
    if first := _day(asked["from"]):
        found = found.filter(at__gte=_midnight(first))
    if last := _day(asked["to"]):
        found = found.filter(at__lt=_midnight(last + timedelta(days=1)))
    if re.fullmatch(r"\d{1,18}", asked["before"]):
        found = found.filter(id__lt=int(asked["before"]))
    return found


def _shown(entry: LedgerEntry, was: LedgerEntry | None) -> dict[str, Any]:
    return {"entry": entry, "was": was, "changes": _changes(was, entry), "sealed": hasattr(entry, "leaf")}


def _changes(was: LedgerEntry | None, entry: LedgerEntry) -> list[tuple[str, Any, Any]]:
    """(column, before, after) of what an image changed; everything for the first one and for deeds."""
    if was is None:
        return [(name, None, value) for name, value in sorted(entry.facts.items())]
    names = sorted({*was.facts, *entry.facts} - {"row_hash"})
    changed = [(name, was.facts.get(name), entry.facts.get(name)) for name in names]
    return [one for one in changed if one[1] != one[2]]


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        return None
    return day if day and date.min < day < date.max else None  # no time zone and no next day beyond these


def _midnight(day: date) -> datetime:
    return make_aware(datetime.combine(day, time.min))
