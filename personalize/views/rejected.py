"""Rejected events: what sources sent that we could not keep, and why."""

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from compliance.web import needs, page
from personalize import discretion
from personalize.models import QuarantinedItem, Source

PAGE, REASONS = 50, 12


@require_safe
@needs("compliance.build_campaigns", "compliance.oversee")
def rejected_events(request: HttpRequest) -> HttpResponse:
    """Newest first, by source and reason; paged by the last row seen."""
    source, reason = request.GET.get("source", ""), request.GET.get("reason", "").replace("\x00", "")[:200]
    before = request.GET.get("before", "")
    found = QuarantinedItem.objects.select_related("source")
    if source:
        found = found.filter(source__slug=source.replace("\x00", "")[:50])
    reasons = found.values_list("reason").annotate(count=Count("pk")).order_by("-count", "reason")[:REASONS]
    if reason:
        found = found.filter(reason=reason)
    if before.isdecimal() and len(before) < 19:
        found = found.filter(pk__lt=int(before))
    rows = list(found.order_by("-pk")[: PAGE + 1])
    if not discretion.may_read_all(request.user):  # type: ignore[arg-type]
        for one in rows:
            one.body = discretion.cleaned_text(one.body)
    context = {
        "items": rows[:PAGE],
        "more": rows[PAGE - 1].pk if len(rows) > PAGE else None,
        "sources": Source.objects.order_by("name"),
        "source": source,
        "reasons": reasons,
        "reason": reason,
    }
    return page(request, "console/rejected_events.html", context, part="found")
