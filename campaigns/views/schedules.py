"""Scheduling a campaign's launches: the form, the next times before anything is kept, and the end of a schedule."""

from datetime import date, datetime, time
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import desks, schedules
from campaigns.models import Campaign, Occurrence, OccurrenceState, Repeat, Schedule, ScheduleState
from compliance.web import needs, page

TEMPLATE = "console/schedule.html"
FIELDS = ("first_on", "local_time", "zone", "repeat", "until", "latest_min")
LISTED = 10
ZONES = ("Europe/London", "Europe/Dublin", "Europe/Paris", "America/New_York", "America/Chicago", "America/Los_Angeles",
         "Asia/Singapore", "Asia/Tokyo", "Australia/Sydney", "UTC")  # fmt: skip
TONES = {"launched": "ok", "missed": "warn", "refused": "bad"}


@require_http_methods(["GET", "POST"])
@needs("compliance.build_campaigns")
def campaign_schedule(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask for the times, show the next ones, and keep them: 422 when they cannot be kept, 409 beside another schedule.

    A GET with the form's fields shows what they mean; only what was shown can be kept.
    """
    found, at = get_object_or_404(desks.campaigns(request.user), slug=slug), now()
    sent = request.POST if request.method == "POST" else request.GET
    form = {name: sent.get(name, "").strip()[:64] for name in FIELDS}
    context: dict[str, Any] = {"campaign": found, "form": form, "errors": {}, "zones": ZONES, "repeats": Repeat.choices}
    if request.method == "GET" and "first_on" not in sent:
        form |= {"zone": settings.TIME_ZONE, "repeat": Repeat.ONCE, "latest_min": str(schedules.LATEST_MIN)}
        return page(request, TEMPLATE, context)
    try:
        asked = _read(form)
        context["shown"] = [(one, one.local.time() != asked.local_time) for one in schedules.preview(asked, at=at)]
        if request.method == "POST":
            schedules.make(found, asked, by=request.user, at=at)  # type: ignore[arg-type]
            messages.success(request, "It is scheduled. Everything is checked again when it is due.")
            return redirect("campaign", found.slug)
    except schedules.BadSchedule as bad:
        context["errors"] = bad.errors
        return page(request, TEMPLATE, context, status=422)
    except schedules.AlreadyScheduled:
        context["errors"] = {"first_on": "The campaign has a schedule already: cancel that one first."}
        return page(request, TEMPLATE, context, status=409)
    return page(request, TEMPLATE, context)


@require_POST
@needs("compliance.build_campaigns")
def campaign_unschedule(request: HttpRequest, slug: str) -> HttpResponse:
    """Cancel the schedule; 409 when there is none."""
    found = get_object_or_404(desks.campaigns(request.user), slug=slug)
    try:
        schedules.cancel(found, by=request.user, at=now())  # type: ignore[arg-type]
    except schedules.NotScheduled:
        context = {"campaign": found, "form": {}, "errors": {"first_on": "Nothing is scheduled."}, "zones": ZONES}
        return render(request, TEMPLATE, context | {"repeats": Repeat.choices}, status=409)
    messages.success(request, "The schedule is cancelled. A run that it launched goes on.")
    return redirect("campaign", found.slug)


def shown(found: Campaign) -> dict[str, Any]:
    """What the campaign's page says of its schedule: the one that is on, its next time, and what became of others."""
    rows = Occurrence.objects.filter(schedule__campaign=found).select_related("schedule", "run")
    current = Schedule.objects.filter(campaign=found, state=ScheduleState.ON).select_related("made_by").first()
    past = rows.exclude(state=OccurrenceState.WAITING).order_by("-due_at", "-pk")[:LISTED]
    waiting = rows.filter(schedule=current, state=OccurrenceState.WAITING).first() if current else None
    return {
        "schedule": current,
        "next": (waiting, datetime.fromisoformat(waiting.local)) if waiting else None,
        "occurred": [(one, datetime.fromisoformat(one.local), TONES.get(one.state, "muted")) for one in past],
    }


def _read(form: dict[str, str]) -> schedules.Asked:
    """The form's words as values. Raises BadSchedule."""
    errors: dict[str, str] = {}

    def read(name: str, kind: Any, why: str) -> Any:
        try:
            return kind(form[name])
        except ValueError:
            errors[name] = why
            return None

    first_on = read("first_on", date.fromisoformat, "Give the first day.")
    local_time = read("local_time", time.fromisoformat, "Give a time of day.")
    until = read("until", date.fromisoformat, "Give the last day, or leave it empty.") if form["until"] else None
    latest = read("latest_min", int, "Give a number of minutes.")
    if local_time is not None and local_time.tzinfo is not None:
        errors["local_time"] = "Give a time of day without an offset; the zone says the rest."
    if errors:
        raise schedules.BadSchedule(errors)
    return schedules.Asked(first_on, local_time, form["zone"], form["repeat"], until, latest)
