"""Pages of the blind sample: a text to be read alone, what two readers saw differently, and how well they agree."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_POST

from compliance.models import SecondReading, Staff, Topic
from compliance.reviewing import agreement, blind, secondreadings
from compliance.views.reviews import READING_PACE, shown_alone
from compliance.web import needs, page

REVIEWS = "compliance.review_texts"
LIST, ONE = "review/second_readings.html", "review/second_reading.html"
SHOWN = 50


@require_GET
@never_cache
@needs(REVIEWS, "compliance.oversee")
def second_readings(request: HttpRequest) -> HttpResponse:
    """What waits to be read alone or to be settled, how well readers agree, and what they overlooked."""
    return page(request, LIST, _list(request))


@require_POST
@needs(REVIEWS)
def second_reading_take(request: HttpRequest) -> HttpResponse:
    """Give the person a text, of which they choose nothing; 404 when there is none for them, 403 for an officer."""
    try:
        made = secondreadings.take(by=_staff(request), at=now())
    except secondreadings.NothingToRead:
        return page(request, LIST, {**_list(request), "problem": "No text waits that you may read."}, status=409)
    except secondreadings.NotYours as why:
        return page(request, LIST, {**_list(request), "problem": str(why)}, status=403)
    return redirect("second_reading", made.pk)


@require_GET
@never_cache
@needs(REVIEWS, "compliance.oversee")
def second_reading(request: HttpRequest, reading_id: int) -> HttpResponse:
    """The words alone for whoever reads them; both verdicts once the second one is said."""
    return _shown(request, _found(request, reading_id))


@require_GET
@never_cache
@needs(REVIEWS, "compliance.oversee")
@xframe_options_sameorigin
def second_reading_mail(request: HttpRequest, reading_id: int) -> HttpResponse:
    """The message as it looks, shut in a sandbox of its own."""
    return shown_alone(_found(request, reading_id).snapshot)


@require_POST
@needs(REVIEWS)
def second_reading_decide(request: HttpRequest, reading_id: int) -> HttpResponse:
    """What the reader makes of it, once; 422 when it says too little, 409 when they have it no longer."""
    found, form = _found(request, reading_id), request.POST
    try:
        secondreadings.decide(
            reading_id, verdict=form.get("verdict", ""), reason=form.get("reason", ""), topics=form.getlist("topic"),
            seen=form.get("seen", ""), by=_staff(request), at=now(),
        )  # fmt: skip
    except secondreadings.SaysTooLittle as why:
        return _shown(request, found, problem=str(why), status=422)
    except secondreadings.TooLate:
        return page(request, LIST, {**_list(request), "problem": LATE}, status=409)
    return redirect("second_reading", reading_id)


@require_POST
@needs(REVIEWS)
def second_reading_give_back(request: HttpRequest, reading_id: int) -> HttpResponse:
    """Hand it back unread; somebody else gets it."""
    try:
        secondreadings.give_back(reading_id, by=_staff(request))
    except secondreadings.TooLate:
        return page(request, LIST, {**_list(request), "problem": LATE}, status=409)
    return redirect("second_readings")


@require_POST
@needs(REVIEWS)
def second_reading_judge(request: HttpRequest, reading_id: int) -> HttpResponse:
    """Settle what two readers saw differently; 403 for whoever took part, 409 when it is settled."""
    found, form = _found(request, reading_id), request.POST
    try:
        secondreadings.judge(
            reading_id, verdict=form.get("verdict", ""), reason=form.get("reason", ""), topics=form.getlist("topic"),
            by=_staff(request), at=now(),
        )  # fmt: skip
    except secondreadings.SaysTooLittle as why:
        return _shown(request, found, problem=str(why), status=422)
    except secondreadings.NotYours as why:
        return _shown(request, found, problem=str(why), status=403)
    except secondreadings.TooLate:
        return _shown(request, _found(request, reading_id), problem="It is settled already.", status=409)
    return redirect("second_reading", reading_id)


LATE = "You have this text no longer: it was given back, or two hours went by. Nothing was kept."


def _staff(request: HttpRequest) -> Staff:
    assert isinstance(request.user, Staff)
    return request.user


def _found(request: HttpRequest, reading_id: int) -> SecondReading:
    """Theirs and no other while they read it; of who reviews or oversees once it is decided; else 404."""
    people = ("item", "item__decided_by", "reader", "judge")
    one = get_object_or_404(SecondReading.objects.select_related(*people), pk=reading_id)
    mine = blind.reading(request.user, at=now())
    if mine != one.pk and (mine is not None or one.decided_at is None):
        raise Http404
    return one


def _shown(request: HttpRequest, one: SecondReading, *, problem: str = "", status: int = 200) -> HttpResponse:
    parts = one.snapshot.get("parts", {})
    words = sum(len(text.split()) for name, text in parts.items() if name != "html")
    context: dict[str, Any] = {
        "one": one,
        "parts": [(name, text) for name, text in parts.items() if name != "html" and text],
        "has_mail": bool(parts.get("html")),
        "minutes": max(1, round(words / READING_PACE)),
        "topics": Topic.objects.order_by("name"),
        "names": dict(Topic.objects.values_list("code", "name")),
        "problem": problem,
        "barred": secondreadings.may_judge(one, _staff(request), at=now()) if one.is_open else "",
    }
    return page(request, ONE, context, status=status)


def _list(request: HttpRequest) -> dict[str, Any]:
    at = now()
    drawn = SecondReading.objects.filter(drawn_at__gt=at - secondreadings.TOLD_FOR).order_by("decided_at", "pk")
    rows = list(drawn.defer("snapshot").select_related("judge"))
    return {
        "waiting": sum(one.decided_at is None for one in rows),
        "open": [one for one in rows if one.is_open][:SHOWN],
        "settled": sorted((one for one in rows if one.judged_at), key=lambda one: one.judged_at, reverse=True)[:SHOWN],  # type: ignore[arg-type,return-value]
        "agreement": agreement.by_stratum(rows),
        "missed": agreement.missed(rows),
        "names": dict(Topic.objects.values_list("code", "name")),
        "days": secondreadings.TOLD_FOR.days,
        "reads": (reads := secondreadings.reads(_staff(request))),
        "without": 0 if reads else secondreadings.without_reader(at=at),
        "problem": "",
    }
