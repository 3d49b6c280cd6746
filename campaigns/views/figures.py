"""Figures on a page: what texts state with an end, where each stands, and the form to renew one."""

from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from campaigns import figures as verbs
from campaigns.models import Figure, FigureKind
from compliance import review
from compliance.judging.quorum import PRODUCTS
from compliance.models import ReviewItem
from compliance.web import needs, page

TEMPLATE = "console/figures.html"
TEXTS = ("code", "name", "kind", "words", "product", "evidence")
DAYS = ("as_of", "until")


@require_safe
@needs("compliance.build_campaigns", "compliance.review_texts", "compliance.oversee")
def figures(request: HttpRequest) -> HttpResponse:
    """Every figure with where it stands, and the form to renew one."""
    return page(request, TEMPLATE, _context({}))


@require_POST
@needs("compliance.build_campaigns")
def figure_propose(request: HttpRequest) -> HttpResponse:
    """Put the next version of a figure before the reviewers; 422 with the reason when it cannot be kept."""
    asked = {name: request.POST.get(name, "").strip()[:600] for name in (*TEXTS, *DAYS)}
    try:
        days = {name: date.fromisoformat(asked[name]) for name in DAYS}
        made = verbs.propose(**{name: asked[name] for name in TEXTS}, **days, by=request.user, at=now())
    except verbs.BadFigure as bad:
        return page(request, TEMPLATE, _context(asked, str(bad)), status=422)
    except ValueError:
        return page(request, TEMPLATE, _context(asked, "Both days are dates, such as 2026-11-23."), status=422)
    messages.success(request, f"“{made.name}”, version {made.version}, waits for a reviewer.")
    return redirect("figures")


def _context(asked: dict[str, str], problem: str = "") -> dict[str, Any]:
    rows = list(Figure.objects.select_related("author").order_by("code", "-version"))
    standing = review.standing([one.digest for one in rows], at=now())
    items = dict(ReviewItem.objects.filter(digest__in=[one.digest for one in rows]).values_list("digest", "pk"))
    in_force = verbs.in_force({one.code for one in rows}, at=now())
    return {
        "rows": [
            (one, standing.get(one.digest, ""), items.get(one.digest), in_force.get(one.code) == one.words)
            for one in rows
        ],
        "kinds": FigureKind.choices,
        "products": sorted(PRODUCTS),
        "asked": asked,
        "problem": problem,
    }
