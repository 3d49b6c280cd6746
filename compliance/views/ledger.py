"""The ledger's pages: search it, open one entry with all that proves it, verify the whole."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods

from compliance import anchors, bulk, explorer, ledger, notes, searches, tree
from compliance.models import Checkpoint, LedgerEntry
from compliance.web import needs, page

OVERSEE = "compliance.oversee"


@require_http_methods(["GET", "POST"])
@needs(OVERSEE)
def search(request: HttpRequest) -> HttpResponse:
    """Search by client, campaign, text, person, deed, thing and days; newest first."""
    if sealed := searches.moved(request, ("client",)):
        return sealed
    told = searches.asked(request, ("client",))
    asked = {name: told.get(name, "").strip()[:120] for name in explorer.NAMES}
    found = explorer.search(asked)
    before = bulk.images_before([one.pk for one in found.entries])
    images = LedgerEntry.objects.in_bulk(list(before.values()))
    context = {
        "asked": asked,
        "rows": [_shown(one, images.get(before.get(one.pk, 0))) for one in found.entries],
        "names": explorer.people(found.entries),
        "older": found.older,
        "problem": found.problem,
        "head": Checkpoint.objects.order_by("-size").first(),
    }
    return page(request, "compliance/ledger.html", context, part="found")


@require_GET
@needs(OVERSEE)
def entry(request: HttpRequest, entry_id: int) -> HttpResponse:
    """One entry: what it changed, its neighbours, and its place in the signed tree."""
    opened = get_object_or_404(LedgerEntry.objects.select_related("leaf"), pk=entry_id)
    near = explorer.around(opened)
    leaf = getattr(opened, "leaf", None)
    context = {
        **_shown(opened, near.before if opened.kind.startswith("row.") else None),
        "near": near,
        "leaf": leaf,
        "beside": bulk.beside(leaf.index) if leaf else [],
        "canonical": bulk.canonical(opened.pk).decode(),
        "head": Checkpoint.objects.order_by("-size").first(),
        "key": notes.verifier(),
    }
    return page(request, "compliance/ledger_entry.html", context)


@require_GET
@needs(OVERSEE)
def proof(request: HttpRequest, entry_id: int) -> HttpResponse:
    """The .tlog-proof of one entry, to check without us."""
    opened = get_object_or_404(LedgerEntry.objects.select_related("leaf"), pk=entry_id)
    try:
        text = tree.proof(opened)
    except tree.Unsealed:
        raise Http404("This entry is not sealed yet; it will be within seconds.") from None
    headers = {"Content-Disposition": f'attachment; filename="entry-{opened.pk}.tlog-proof"'}
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)


@require_GET
@needs(OVERSEE)
def verify(request: HttpRequest) -> HttpResponse:
    """Read the whole ledger again and say whether it is sound."""
    return page(request, "compliance/verify.html", {"verdict": ledger.verify(outside=anchors.outside()), "at": now()})


def _shown(one: LedgerEntry, was: LedgerEntry | None) -> dict[str, Any]:
    return {"entry": one, "was": was, "changes": _changes(was, one), "sealed": hasattr(one, "leaf")}


def _changes(was: LedgerEntry | None, one: LedgerEntry) -> list[tuple[str, Any, Any]]:
    """(column, before, after) of what an image changed; everything for the first one and for deeds."""
    if was is None:
        return [(name, None, value) for name, value in sorted(one.facts.items())]
    names = sorted({*was.facts, *one.facts} - {"row_hash"})
    changed = [(name, was.facts.get(name), one.facts.get(name)) for name in names]
    return [one for one in changed if one[1] != one[2]]
