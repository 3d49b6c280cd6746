"""The compliance officer's pages: what is open, the ledger, and packets for regulators."""

import re
from pathlib import Path
from typing import Any

from django.db.models import Max, Q
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.timezone import localtime, now
from django.views.decorators.http import require_GET, require_POST

from compliance import explorer, faults, ledger, packet, privileges, restores, step_up, vulnerability
from compliance.models import HANDED_IN, Checkpoint, Client, LedgerEntry, Notice, Packet, ReviewItem, Suppression
from compliance.processing import records
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
    deeds = list(
        LedgerEntry.objects.exclude(Q(kind__startswith="row.") | Q(kind__startswith="ddl.")).order_by("-id")[:10]
    )
    context = {
        "at": at,
        "restore_overdue": restores.overdue(at=at),
        "owned": privileges.application_owns(),
        "open_items": waiting.count(),
        "late_items": waiting.filter(due_at__lt=at).count(),
        "next_items": waiting.select_related(*HANDED_IN).order_by("due_at", "pk")[:5],
        "head": head,
        "unsealed": (LedgerEntry.objects.aggregate(last=Max("id"))["last"] or 0) > (head.last_entry if head else 0),
        "next_notice": Notice.objects.open().order_by("due_at", "pk").first(),
        "suppressed_today": Suppression.objects.filter(since__gte=today).count(),
        "suppressed": Suppression.objects.count(),
        "packets": Packet.objects.select_related("requested_by").order_by("-pk")[:5],
        "ending": records.ending(at=at),
        "spares": vulnerability.may(request.user),  # type: ignore[arg-type]
        "to_review": vulnerability.overdue(at=at),
        "faults": faults.open_ones()[:PER_PAGE],
        "deeds": deeds,
        "names": explorer.people(deeds),
    }
    return page(request, "compliance/oversight.html", context)


@require_GET
@needs(OVERSEE)
def packets(request: HttpRequest) -> HttpResponse:
    """Packets asked for, and the form to ask for another."""
    return page(request, "compliance/packets.html", _packets({}, ""), part="list")


@require_POST
@needs(OVERSEE)
def packet_new(request: HttpRequest) -> HttpResponse:
    """Ask for a packet, with a reason; a worker builds it."""
    if asked := step_up.ask(request):
        return asked
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
    built = get_object_or_404(Packet, pk=packet_id, state="ready")
    if asked := step_up.ask(request):
        return asked
    path = Path(built.path)
    if not path.is_file():
        raise Http404("The file is no longer there.")
    facts = {"sha256": built.sha256}
    ledger.record("packet.downloaded", by=request.user, at=now(), about=f"packet:{built.pk}", facts=facts)  # type: ignore[arg-type]
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
    days = {name: explorer.day(form.get(name, "")) for name in ("from", "to")}
    for name, day in days.items():
        if form.get(name) and day is None:
            raise packet.BadScope(f"“{form[name]}” is no day that a packet can begin or end with.")
    return packet.Scope(client, form.get("campaign", "").strip()[:80], days["from"], days["to"])
