"""Kill switches on a page: throw one alone, release one as two; and whether sending is armed for this database."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from campaigns.models import Block, Campaign
from compliance import fence, step_up, stops
from compliance.models import Channel, Stop, StopScope, Topic
from compliance.web import answer, needs, page
from personalize.models import Artefact, Stage

TEMPLATE = "compliance/stops.html"
SEES = ("compliance.oversee", "compliance.build_campaigns", "compliance.review_texts")
PAST = 20


@require_safe
@needs(*SEES)
def stop_list(request: HttpRequest) -> HttpResponse:
    """What is stopped now, what was, and the form to stop more."""
    return page(request, TEMPLATE, _context(request))


@require_POST
@needs("compliance.oversee", "compliance.build_campaigns")
def stop_throw(request: HttpRequest) -> HttpResponse:
    """Throw a switch; marketers stop their own campaigns only. 422 with the reason when it says too little."""
    scope, target = request.POST.get("scope", ""), request.POST.get("target", "").strip()
    if not request.user.has_perm("compliance.oversee") and not _is_own(request, scope, target):
        raise PermissionDenied
    asked = {"scope": scope, "target": target, "reason": request.POST.get("reason", "")}
    status, problem = 200, ""
    try:
        stops.throw(**asked, by=request.user, at=now())  # type: ignore[arg-type]
    except stops.BadSwitch as fault:
        status, problem = 422, str(fault)
    except stops.AlreadyThrown:
        status, problem = 409, "This is stopped already."
    context = {**_context(request), "problem": problem, "asked": asked if problem else {}}
    return answer(request, TEMPLATE, context, part="switches", then="stops", status=status)


@require_POST
@needs("compliance.oversee", "compliance.review_texts")
def stop_release(request: HttpRequest, stop_id: int) -> HttpResponse:
    """The first or the second of two releases it; 403 for the same person twice, 409 when it was released."""
    if asked := step_up.ask(request):
        return asked
    status, problem = 200, ""
    found = Stop.objects.select_related("release_asked_by").filter(pk=stop_id).first()
    try:
        act = stops.release if found and stops.asked_by(found) else stops.ask_release
        act(stop_id, by=request.user, at=now())  # type: ignore[arg-type]
    except stops.NotYours as fault:
        status, problem = 403, str(fault)
    except stops.AlreadyReleased:
        status, problem = 409, "Somebody was first. This is how it stands now."
    context = {**_context(request), "problem": problem}
    return answer(request, TEMPLATE, context, part="switches", then="stops", status=status)


def _is_own(request: HttpRequest, scope: str, target: str) -> bool:
    return scope == StopScope.CAMPAIGN and Campaign.objects.filter(slug=target, owner=request.user).exists()


def _context(request: HttpRequest) -> dict[str, Any]:
    people = ("thrown_by", "release_asked_by", "released_by")
    return {
        "thrown": Stop.objects.thrown().select_related(*people).order_by("-thrown_at", "-pk"),
        "past": Stop.objects.exclude(released_at=None).select_related(*people).order_by("-released_at")[:PAST],
        "fence": fence.state(),
        "scopes": StopScope.choices,
        "may_stop": request.user.has_perm("compliance.oversee") or request.user.has_perm("compliance.build_campaigns"),
        "may_release": request.user.reviews,
        "targets": [
            *Channel.values,
            *Campaign.objects.order_by("slug").values_list("slug", flat=True),
            *Block.objects.order_by("slug").values_list("slug", flat=True),
            *Topic.objects.order_by("code").values_list("code", flat=True),
            *map(
                str,
                Artefact.objects.filter(stage__in=(Stage.CANARY, Stage.LIVE))
                .order_by("pk")
                .values_list("pk", flat=True),
            ),
        ],
    }
