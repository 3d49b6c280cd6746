"""The topics and copy rules in force on a day, with their sources and their own test sentences."""

from datetime import UTC, date, datetime, time
from itertools import groupby

from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from django.views.decorators.http import require_GET

from compliance import routing
from compliance.copyrules import book
from compliance.models import CopyRule, Role, Topic
from compliance.web import needs, page


@require_GET
@needs("compliance.oversee", "compliance.review_texts", "compliance.build_campaigns")
def copy_rules(request: HttpRequest) -> HttpResponse:
    """Every rule in force at the end of a day (`?on=`, today when left out), by family, and every topic."""
    asked, problem = request.GET.get("on", ""), ""
    try:
        at = min(now(), datetime.combine(date.fromisoformat(asked), time.max, UTC)) if asked else now()
    except ValueError:
        at, problem = now(), "That is no day; these are the rules of today."
    rules = list(CopyRule.objects.in_force(at).order_by("family", "code"))
    user = request.user
    context = {
        "families": [(family, list(these)) for family, these in groupby(rules, key=lambda one: one.family)],
        "topics": Topic.objects.order_by("name"),
        "ruleset": routing.ruleset(book.in_force(at)) if rules else "",
        "count": len(rules),
        "at": at,
        "is_past": bool(asked) and not problem and at.date() < now().date(),
        "problem": problem,
        "may_write": getattr(user, "role", "") == Role.OFFICER and not user.is_superuser,
    }
    return page(request, "review/rules.html", context)
