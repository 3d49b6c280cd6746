"""The officers' page of incidents: record one, see whom the law says we tell by when, tell them, and close it."""

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware, now
from django.views.decorators.http import require_GET, require_POST

from compliance import step_up
from compliance.incidents import records
from compliance.models import Incident, Jurisdiction, Notice, Staff
from compliance.web import needs, page

OVERSEE = "compliance.oversee"
LIST, ONE = "incidents/incidents.html", "incidents/incident.html"
TEXTS = ("kind", "title", "words", "vendor")
TIMES = ("aware_at", "happened_at", "vendor_aware_at")
STEPS = ("tell", "ask-spare", "spare")
PAST = 50


@require_GET
@needs(OVERSEE)
def incidents(request: HttpRequest) -> HttpResponse:
    """Open incidents with the next notice each owes, closed ones, and the form to record one."""
    return page(request, LIST, _list())


@require_POST
@needs(OVERSEE)
def record(request: HttpRequest) -> HttpResponse:
    """Write an incident down; 422 with the reason when it says too little."""
    form = request.POST
    try:
        times = {name: _moment(form.get(name, "")) for name in TIMES}
        if times["aware_at"] is None:
            raise records.BadIncident("Say when we knew of it: the clocks run from that moment.")
        made = records.record(
            form.get("kind", ""), **{name: form.get(name, "")[:4000] for name in TEXTS[1:]}, **times,  # type: ignore[arg-type]
            places=form.getlist("places"), touched=form.get("touched", "").split(),
            by=request.user, at=now(),
        )  # fmt: skip
    except records.BadIncident as why:
        return render(request, LIST, _list() | {"problem": str(why), "form": form}, status=422)
    return redirect("incident", made.pk)


@require_GET
@needs(OVERSEE)
def incident(request: HttpRequest, incident_id: int) -> HttpResponse:
    """One incident and its clocks."""
    return page(request, ONE, _one(get_object_or_404(Incident, pk=incident_id), request.user))  # type: ignore[arg-type]


@require_POST
@needs(OVERSEE)
def step(request: HttpRequest, incident_id: int, notice_id: int, verb: str) -> HttpResponse:
    """One step of a notice: tell, ask-spare, spare."""
    if verb not in STEPS:
        raise Http404
    notice = get_object_or_404(Notice.objects.select_related("incident"), pk=notice_id, incident=incident_id)
    if proof := step_up.ask(request):
        return proof
    form, at, by, status, problem = request.POST, now(), request.user, 200, ""
    try:
        if verb == "tell":
            how, why_late = form.get("how", ""), form.get("why_late", "")
            records.tell(notice.pk, how=how, why_late=why_late, by=by, at=at)  # type: ignore[arg-type]
        elif verb == "ask-spare":
            records.ask_spare(notice.pk, why=form.get("why", ""), by=by, at=at)  # type: ignore[arg-type]
        else:
            records.spare(notice.pk, by=by, at=at)  # type: ignore[arg-type]
    except records.BadIncident as why:
        status, problem = 422, str(why)
    except records.NotYours as why:
        status, problem = 403, str(why)
    except records.AlreadyDone:
        status, problem = 409, "Someone did this first. Please read it again."
    if problem:
        return render(request, ONE, _one(notice.incident, by) | {"problem": problem}, status=status)
    return redirect("incident", incident_id)


@require_POST
@needs(OVERSEE)
def close(request: HttpRequest, incident_id: int) -> HttpResponse:
    """End an incident; 422 while a notice is owed."""
    found, by = get_object_or_404(Incident, pk=incident_id), request.user
    try:
        records.close(found.pk, lesson=request.POST.get("lesson", "")[:4000], by=by, at=now())  # type: ignore[arg-type]
    except records.BadIncident as why:
        return render(request, ONE, _one(found, by) | {"problem": str(why)}, status=422)
    except records.AlreadyDone:
        return render(request, ONE, _one(found, by) | {"problem": "Someone closed it first."}, status=409)
    return redirect("incident", found.pk)


def _moment(text: str) -> datetime | None:
    """What a browser's date and time say, in the site's zone; None when nothing was given."""
    if not text:
        return None
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or not 2000 <= found.year < 2200:
        raise records.BadIncident("Write times with their date, such as 2026-11-26T14:30.")
    return make_aware(found) if is_naive(found) else found


def _list() -> dict[str, Any]:
    at = now()
    waiting = list(Incident.objects.open().order_by("aware_at", "pk"))
    owed: dict[int, Notice] = {}
    for one in Notice.objects.open().filter(incident__in=waiting).order_by("-due_at", "-pk"):
        owed[one.incident_id] = one  # the first due is the last kept
    last = datetime.max.replace(tzinfo=at.tzinfo)
    rows = sorted(
        ((one, owed.get(one.pk)) for one in waiting), key=lambda row: (row[1].due_at if row[1] else last, row[0].pk)
    )
    return {
        "at": at,
        "rows": rows,
        "closed": Incident.objects.exclude(closed_at=None).select_related("closed_by").order_by("-closed_at")[:PAST],
        "kinds": Incident.Kind.choices,
        "places": Jurisdiction.choices,
        "form": {},
    }


def _one(found: Incident, by: Staff) -> dict[str, Any]:
    found.refresh_from_db()
    notices = found.notices.select_related("told_by", "spare_asked_by", "spared_by").order_by("due_at", "pk")
    return {
        "at": now(),
        "incident": found,
        "where": [Jurisdiction(one).label for one in found.places],
        "notices": notices,
        "asked": {one.pk for one in notices if records.is_asked(one)},
        "may_spare": records.may_spare(by),
        "touched": found.touched.select_related("client").order_by("pk")[:PAST],
        "reached": found.touched.count(),
    }
