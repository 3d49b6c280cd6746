"""Officers' page about those who review, and the one page that outside counsel has."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from compliance import review
from compliance.models import Competence, ReviewItem
from compliance.reviewing import counsel, quality
from compliance.web import needs, open_to_all, page

OVERSEE = "compliance.oversee"
DAYS = (2, 5, 10, 14)


@require_GET
@needs(OVERSEE)
def reviewers(request: HttpRequest) -> HttpResponse:
    """How each reviewer reads, what they are competent for, and approvals that end soon."""
    at = now()
    held = Competence.objects.filter(valid_until__gt=at, ended_at=None).select_related("staff", "granted_by")
    by_person: dict[tuple[str, str, Any], list[str]] = {}
    for one in held.order_by("staff__username", "valid_until", "area"):
        name = one.staff.get_full_name() or one.staff.username
        area = "everything" if one.area == "*" else one.area.replace("_", " ")
        by_person.setdefault((name, one.evidence, one.valid_until), []).append(area)
    context = {
        "figures": quality.figures(since=at - quality.PERIOD, at=at),
        "days": quality.PERIOD.days,
        "competences": [(*who, areas) for who, areas in by_person.items()],
        "ending": ReviewItem.objects.ending(at=at, within=timedelta(days=60))[:50],
        "escalated": ReviewItem.objects.open().filter(escalation__gt=0).by_urgency()[:50],
        "at": at,
    }
    return page(request, "review/reviewers.html", context)


@require_POST
@needs(OVERSEE)
def invite(request: HttpRequest, item_id: int) -> HttpResponse:
    """Ask outside counsel; the link is shown this once."""
    item, said, at = get_object_or_404(ReviewItem, pk=item_id), request.POST, now()
    days = int(said["days"]) if said.get("days", "").isdigit() else 0
    try:
        _, secret = counsel.invite(
            item, name=said.get("name", ""), firm=said.get("firm", ""), until=at + timedelta(days=min(days, 99)),
            evidence=said.get("evidence", ""), by=request.user, at=at,  # type: ignore[arg-type]
        )  # fmt: skip
    except (ValueError, review.NotYours) as why:
        messages.error(request, str(why))
    else:
        address = request.build_absolute_uri(reverse("outside", args=[secret]))
        messages.success(request, f"Send this link to {said['name']}; it is not shown again: {address}")
    return redirect("review_item", item_id)


@open_to_all(reason="Outside counsel has no sign-in: the link is a secret for one person and one text.")
@never_cache
@require_http_methods(["GET", "POST"])
def outside(request: HttpRequest, secret: str) -> HttpResponse:
    """The exact words for outside counsel. GET shows; only POST decides."""
    try:
        made = counsel.find(secret, at=now())
    except counsel.NoInvitation:
        raise Http404 from None
    problem, status = "", 200
    if request.method == "POST":
        yes, said = request.POST.get("verdict") == "yes", request.POST
        try:
            item = counsel.decide(secret, yes=yes, reason=said.get("reason", ""), seen=said.get("seen", ""), at=now())
            return render(request, "review/outside.html", {"done": item, "yes": yes})
        except review.AlreadyDecided:
            problem, status = "This text was decided or changed meanwhile. Nothing was kept.", 409
        except review.NoReason as why:
            problem, status = str(why), 422
        except review.NotYours as why:
            problem, status = str(why), 403
    parts = {name: text for name, text in made.item.snapshot["parts"].items() if name != "html"}
    context = {"made": made, "item": made.item, "parts": parts, "problem": problem}
    return render(request, "review/outside.html", context, status=status)
