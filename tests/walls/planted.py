"""The site with holes in it: each view is one of ours with one mistake. A crawl that finds none is blind."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from campaigns.api.campaigns import Campaigns
from campaigns.models import Campaign
from campaigns.views import campaigns, runs
from compliance.web import needs
from personalize.urls import urlpatterns as sound


def bare(view: object) -> object:
    """The function under a view's decorators."""
    while hasattr(view, "__wrapped__"):
        view = view.__wrapped__
    return view


class Unasked(Campaigns):
    """An endpoint that asks nobody for a right."""

    permission_classes = []


@require_safe
@needs("compliance.oversee")
def looks_and_writes(request: HttpRequest) -> HttpResponse:
    """Changes something although it is only looked at."""
    Campaign.objects.update(priority=11)
    return HttpResponse("done")


@require_safe
@needs("compliance.oversee")
def shows_markup(request: HttpRequest) -> HttpResponse:
    """Forgets to escape a name."""
    return HttpResponse(f"<h1>{Campaign.objects.get(slug='guide').name}</h1>")


@require_safe
@needs("compliance.oversee")
def leads_astray(request: HttpRequest) -> HttpResponse:
    """Links to what only administrators may open."""
    return HttpResponse('<a href="/account/people/">People</a>')


@require_safe
@needs("compliance.oversee")
def can_be_framed(request: HttpRequest) -> HttpResponse:
    """Has a policy of its own, without a wall."""
    return HttpResponse("ok", headers={"Content-Security-Policy": "script-src 'unsafe-inline'"})


@require_safe
@needs("compliance.oversee")
def falls_over(request: HttpRequest) -> HttpResponse:
    """Divides by nothing."""
    return HttpResponse(1 // 0)


HOLES = {
    "console/campaigns/": ("the right was left out", require_safe(bare(campaigns.campaigns))),
    "console/campaigns/<slug:slug>/": ("anybody comes in", login_not_required(bare(campaigns.campaign))),
    "console/runs/<int:run_id>/stop/": (
        "the wrong right", require_POST(needs("compliance.review_texts")(bare(runs.run_stop))),
    ),
    "console/campaigns/<slug:slug>/copy/": ("any method", needs("compliance.build_campaigns")(bare(runs.run_stop))),
    "api/v1/campaigns": ("an endpoint without a right", Unasked.as_view()),
    "compliance/": ("a look that writes", looks_and_writes),
    "compliance/reviewers/": ("markup in a name", shows_markup),
    "compliance/ledger/": ("a page to be framed", can_be_framed),
    "compliance/stops/": ("a link that its reader may not follow", leads_astray),
    "compliance/packets/": ("a fault", falls_over),
}  # fmt: skip
UNKNOWN = "console/forgotten/"
FORGED = "console/runs/<int:run_id>/resume/"
urlpatterns = [
    *(path(route, view) for route, (_, view) in HOLES.items()),
    path(FORGED, csrf_exempt(needs("compliance.oversee")(bare(runs.run_resume)))),
    path(UNKNOWN, require_safe(needs("compliance.oversee")(can_be_framed))),
    *sound,
]
