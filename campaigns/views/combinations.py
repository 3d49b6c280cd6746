"""Which blocks of a campaign can meet, who approved them side by side, and the rules that keep blocks apart."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from campaigns import coverage, desks, plans
from campaigns.combinations import pairs, rules
from campaigns.models import CombinationRule
from compliance import review
from compliance.models import ReviewItem, ReviewKind
from compliance.web import needs, page

SHOWN = 200


@require_safe
@needs("compliance.build_campaigns", "compliance.review_texts", "compliance.oversee")
def combinations(request: HttpRequest, slug: str) -> HttpResponse:
    """The reachable space of a campaign and what covers it."""
    found = get_object_or_404(desks.campaigns(request.user).select_related("owner"), slug=slug)
    at = now()
    plan = plans.snapshot(found, at=at)
    state = coverage.of(plan, at=at)
    waiting = (
        ReviewItem.objects.open().filter(kind=ReviewKind.PAIR_SET, snapshot__campaign=slug).order_by("-pk").first()
    )
    context = {
        "campaign": found,
        "coverage": state,
        "meetings": sorted(state.meetings, key=lambda one: (bool(one.covered), one.covered))[:SHOWN],
        "more": max(0, state.reachable - SHOWN),
        "waiting": waiting,
        "may_ask": request.user.has_perm("compliance.build_campaigns"),
        "rules": [(one, rules.sentence(one.kind, one.body)) for one in rules.in_force(at=at)],
        "policy": ReviewItem.objects.filter(digest=pairs.PLAIN_DIGEST).select_related("decided_by").first(),
        "at": at,
    }
    return page(request, "console/combinations.html", context)


@require_POST
@needs("compliance.build_campaigns")
def combinations_ask(request: HttpRequest, slug: str) -> HttpResponse:
    """Put what nobody approved side by side before the editors."""
    found = get_object_or_404(desks.campaigns(request.user).select_related("owner"), slug=slug)
    item = coverage.ask(found, plans.snapshot(found, at=now()), by=request.user, at=now())  # type: ignore[arg-type]
    if item is None:
        messages.success(request, "Every pair that can meet has been approved already.")
    else:
        messages.success(request, f"The editors have {item.snapshot['scope']['rows']} messages to read.")
    return redirect("campaign_combinations", slug)


@require_safe
@needs("compliance.build_campaigns", "compliance.review_texts", "compliance.oversee")
def combination_rules(request: HttpRequest) -> HttpResponse:
    """Every rule about which blocks may meet, with where its newest version stands."""
    return page(request, "console/combination_rules.html", _rules())


def _rules() -> dict[str, Any]:
    at = now()
    rows = list(CombinationRule.objects.select_related("author").order_by("code", "-version"))
    standing = review.standing([one.digest for one in rows], at=at)
    items = dict(ReviewItem.objects.filter(digest__in=[one.digest for one in rows]).values_list("digest", "pk"))
    shown = [(one, rules.sentence(one.kind, one.body), standing.get(one.digest), items.get(one.digest)) for one in rows]
    return {"rules": shown, "at": at}
