"""The topics and copy rules in force, with their sources and their own test sentences."""

from itertools import groupby

from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from django.views.decorators.http import require_GET

from compliance import routing
from compliance.copyrules import book
from compliance.models import CopyRule, Topic
from compliance.web import needs, page


@require_GET
@needs("compliance.oversee", "compliance.review_texts", "compliance.build_campaigns")
def copy_rules(request: HttpRequest) -> HttpResponse:
    """Every rule in force, by family, and every topic with who must look."""
    at = now()
    rules = CopyRule.objects.in_force(at).order_by("family", "code")
    context = {
        "families": [(family, list(these)) for family, these in groupby(rules, key=lambda one: one.family)],
        "topics": Topic.objects.order_by("name"),
        "ruleset": routing.ruleset(book.in_force(at)),
        "count": len(rules),
    }
    return page(request, "review/rules.html", context)
