"""Merge requests: two identified clients that may be one person. Only a person decides."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from compliance.web import answer, needs, page
from personalize import identity
from personalize.models import MergeRequest

SHOWN = 100
VERBS = {"merge": identity.merge, "refuse": identity.refuse, "undo": identity.undo}


@require_safe
@needs("compliance.build_campaigns", "compliance.oversee")
def merges(request: HttpRequest) -> HttpResponse:
    """Those that wait, oldest first; and those decided by a person, newest first."""
    found = MergeRequest.objects.select_related("kept", "absorbed", "decided_by")
    context = {
        "waiting": found.filter(state="waiting").order_by("asked_at", "pk")[:SHOWN],
        "decided": found.exclude(state="waiting").order_by("-decided_at", "-pk")[:SHOWN],
    }
    return page(request, "console/merges.html", context)


@require_POST
@needs("compliance.oversee", "compliance.build_campaigns")
def merge_decide(request: HttpRequest, request_id: int, verb: str) -> HttpResponse:
    """Merge, refuse or undo."""
    get_object_or_404(MergeRequest, pk=request_id)
    status = 200
    if verb not in VERBS:
        raise Http404
    try:
        VERBS[verb](request_id, by=request.user, at=now())
    except identity.AlreadyDecided:
        status = 409
    asked = MergeRequest.objects.select_related("kept", "absorbed", "decided_by").get(pk=request_id)
    context = {"waiting": [], "decided": [asked], "one": asked, "late": status == 409}
    return answer(request, "console/merges.html", context, part="request", then="merges", status=status)
