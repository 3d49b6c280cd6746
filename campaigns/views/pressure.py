"""Caps and paces on a page: how much a client may get from the firm, and how fast mail leaves for each provider."""

from collections.abc import Callable
from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from campaigns.limits import caps, paces, said
from campaigns.models import Cap, Pace
from compliance.models import Channel, Topic
from compliance.web import answer, needs, page

TEMPLATE = "compliance/pressure.html"
SEES = ("compliance.oversee", "compliance.build_campaigns", "compliance.review_texts")


class _Unread(ValueError):
    """A field of the form is no number or no date; the text names it."""


@require_safe
@needs(*SEES)
def pressure(request: HttpRequest) -> HttpResponse:
    """The firm's caps and paces, and the forms to set them."""
    return page(request, TEMPLATE, _context(request))


@require_POST
@needs("compliance.oversee")
def cap_keep(request: HttpRequest) -> HttpResponse:
    """Set a cap of the firm; one for the same thing is replaced. 422 with the reason when it cannot be kept."""
    post = request.POST

    def keep() -> None:
        caps.keep(
            days=_number(request, "days", "The window"),
            most=_number(request, "most", "The number of messages"),
            channel=post.get("channel", ""),
            topic=post.get("topic", "").strip(),
            is_urgent=post.get("urgent") == "on",
            by=request.user,  # type: ignore[arg-type]
            at=now(),
        )

    return _done(request, keep, "cap")


@require_POST
@needs("compliance.oversee")
def cap_take_away(request: HttpRequest, cap_id: int) -> HttpResponse:
    """Let a cap go; 404 when it was gone."""
    if not caps.take_away(cap_id, by=request.user, at=now()):  # type: ignore[arg-type]
        raise Http404
    return answer(request, TEMPLATE, _context(request), part="limits", then="pressure")


@require_POST
@needs("compliance.oversee")
def pace_keep(request: HttpRequest) -> HttpResponse:
    """Set the pace of some domains; one of this name is changed. 422 with the reason when it cannot be kept."""
    post = request.POST

    def keep() -> None:
        paces.keep(
            name=post.get("name", "").strip(),
            domains=post.get("domains", "").replace(",", " ").split(),
            per_minute=_number(request, "per_minute", "The pace"),
            warm_from=_day(post.get("warm_from", "")),
            warm_first=_number(request, "warm_first", "The first day", default=200),
            warm_growth=1 + _number(request, "warm_growth", "The growth", default=50) / 100,
            by=request.user,  # type: ignore[arg-type]
            at=now(),
        )

    return _done(request, keep, "pace")


@require_POST
@needs("compliance.oversee")
def pace_take_away(request: HttpRequest, pace_id: int) -> HttpResponse:
    """Let a pace go; 404 when it was gone."""
    if not paces.take_away(pace_id, by=request.user, at=now()):  # type: ignore[arg-type]
        raise Http404
    return answer(request, TEMPLATE, _context(request), part="limits", then="pressure")


def _done(request: HttpRequest, keep: Callable[[], None], form: str) -> HttpResponse:
    problem = ""
    try:
        keep()
    except (_Unread, caps.BadCap, paces.BadPace) as bad:
        problem = str(bad)
    context = {**_context(request), f"{form}_problem": problem, f"{form}_asked": request.POST if problem else {}}
    return answer(request, TEMPLATE, context, part="limits", then="pressure", status=422 if problem else 200)


def _number(request: HttpRequest, name: str, words: str, *, default: int | None = None) -> int:
    text = request.POST.get(name, "").strip()
    if not text and default is not None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise _Unread(f"{words} is a whole number.")
    return int(text)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise _Unread("The warm-up begins on a date, such as 2026-11-23.") from None


def _context(request: HttpRequest) -> dict[str, Any]:
    return {
        "caps": [
            {"pk": one.pk, "words": said.sentence(caps.facts(one)), "by": one.made_by.username, "at": one.made_at}
            for one in Cap.objects.select_related("made_by").order_by("days", "channel", "topic", "is_urgent")
        ],
        "paces": Pace.objects.prefetch_related("domains").order_by("name"),
        "now": now(),
        "may_set": request.user.has_perm("compliance.oversee"),
        "windows": said.DAYS.items(),
        "channels": Channel.choices,
        "topics": Topic.objects.order_by("code").values_list("code", flat=True),
    }
