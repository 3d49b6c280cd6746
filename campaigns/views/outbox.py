"""Every message that was decided, for those who answer for it."""

from contextlib import suppress
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_http_methods

from campaigns import desks
from campaigns.models import Message, MessageState
from compliance import searches
from compliance.contact import normalise
from compliance.models import Client
from compliance.web import needs, page

PER_PAGE = 50


@require_http_methods(["GET", "HEAD", "POST"])
@needs("compliance.oversee", "compliance.build_campaigns")
def messages(request: HttpRequest) -> HttpResponse:
    """Find messages by client, campaign, state and day."""
    if sealed := searches.moved(request, ("q",)):
        return sealed
    told = searches.asked(request, ("q",))
    asked = {name: told.get(name, "").strip() for name in ("q", "campaign", "state", "from", "to")}
    found, problems = _search(asked)
    found = desks.messages(request.user, found)
    shown = Paginator(found, PER_PAGE, allow_empty_first_page=True)
    shown.count = _capped_count(found)  # an exact count of millions is nobody's question
    context = {
        "page": shown.get_page(request.GET.get("page")),
        "capped": shown.count == CAP,
        "asked": asked,
        "problems": problems,
        "campaigns": desks.campaigns(request.user).order_by("name").values_list("slug", "name"),
        "states": MessageState.choices,
    }
    return page(request, "compliance/messages.html", context, part="found")


CAP = 5_000


def _capped_count(found: QuerySet[Message]) -> int:
    return len(found.order_by().values_list("pk", flat=True)[:CAP])


def _search(asked: dict[str, str]) -> tuple[QuerySet[Message], list[str]]:
    found = Message.objects.select_related("client", "campaign", "variant").order_by("-decided_at", "pk")
    problems = []
    if asked["q"]:
        found = found.filter(_whose(asked["q"]))
    if asked["campaign"]:
        found = found.filter(campaign__slug=asked["campaign"])
    if asked["state"]:
        found = found.filter(state=asked["state"])
    for name, lookup in (("from", "decided_at__date__gte"), ("to", "decided_at__date__lte")):
        if asked[name]:
            try:
                day = parse_date(asked[name])
            except ValueError:
                day = None
            if day is None:
                problems.append(f"“{asked[name]}” is not a date; write it as 2026-03-31.")
            else:
                found = found.filter(**{lookup: day})
    return found, problems


def _whose(words: str) -> Q:
    """A client's key, their address, or a message's own number."""
    wanted = Q(client__in=Client.objects.filter(Q(user_id=words) | Q(email=normalise(words))).values("pk"))
    with suppress(ValueError):
        wanted |= Q(pk=UUID(words.strip("<>").split("@")[0]))
    return wanted
