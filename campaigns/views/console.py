"""The marketer's first page."""

from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from campaigns import board, desks
from campaigns.models import CampaignState
from compliance.web import needs, page

SHOWN = 6
# Running first, then what is being written, then what is over.
ORDER = (CampaignState.RUNNING, CampaignState.DRAFT, CampaignState.STOPPED, CampaignState.FINISHED)


@require_safe
@needs("compliance.build_campaigns")
def console(request: HttpRequest) -> HttpResponse:
    """Campaigns, what waits for a person, and how ripe the data of each use case is."""
    at = now()
    newest = list(desks.campaigns(request.user).select_related("owner").order_by("-made_at", "pk")[:200])
    newest.sort(key=lambda one: ORDER.index(CampaignState(one.state)))
    context = {
        "cards": board.cards(newest[:SHOWN]),
        "more": max(len(newest) - SHOWN, 0),
        "waiting": board.waiting(request.user, at=at),
        "ripeness": board.ripeness(at=at),
    }
    return page(request, "console/console.html", context)
