"""The officer's desk of clients' rights: requests with their clocks, legal holds, and what goes by itself."""

import re
from dataclasses import asdict
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import localdate, now
from django.views.decorators.http import require_GET, require_POST

from compliance import lately, step_up
from compliance.models import Asked, Client, Erasure, Hold, RetentionRule
from compliance.rights import clocks, erasure, holds, joined, requests, retention
from compliance.web import needs, page

OVERSEE = "compliance.oversee"
PER_PAGE, HOUR_S = 50, 3600
DESK, ONE, KEEPING = "rights/desk.html", "rights/request.html", "rights/keeping.html"
REFUSED = (requests.BadRequestOfRights, holds.BadHold)
STEPS = ("know", "extend", "close", "refuse")
FIRST = "Someone did this first. Please read it again."
LATE = (requests.AlreadyClosed, holds.AlreadyLifted, erasure.AlreadyErased)


@require_GET
@needs(OVERSEE)
def desk(request: HttpRequest) -> HttpResponse:
    """What clients asked, the most urgent first, and what was answered last."""
    return page(request, DESK, _desk(request))


@require_POST
@needs(OVERSEE)
def receive(request: HttpRequest) -> HttpResponse:
    """Take in what came by letter or telephone."""
    form = request.POST
    person = _client(form.get("client", ""))
    try:
        if person is None:
            raise requests.BadRequestOfRights(f"There is no client “{form.get('client', '')[:80]}”.")
        made = requests.receive(
            person.pk, form.get("kind", ""), came_by=form.get("came_by", ""), words=form.get("words", "")[:4000],
            by=request.user, at=now(),  # type: ignore[arg-type]
        )  # fmt: skip
    except requests.BadRequestOfRights as why:
        return render(request, DESK, _desk(request) | {"problem": str(why), "form": form}, status=422)
    return redirect("asked", made.pk)


@require_GET
@needs(OVERSEE)
def asked(request: HttpRequest, asked_id: int) -> HttpResponse:
    """One request, its clock, and what an erasure would delete and the law keeps."""
    return page(request, ONE, _one(get_object_or_404(Asked, pk=asked_id), ""))


@require_POST
@needs(OVERSEE)
def step(request: HttpRequest, asked_id: int, verb: str) -> HttpResponse:
    """One step of a request: know, extend, close, refuse."""
    if verb not in STEPS:
        raise Http404
    found, form, at, by = get_object_or_404(Asked, pk=asked_id), request.POST, now(), request.user
    if verb in ("close", "refuse") and (proof := step_up.ask(request)):
        return proof
    said = form.get("said", "")[:4000]
    try:
        if verb == "know":
            requests.know(found.pk, how=said, by=by, at=at)  # type: ignore[arg-type]
        elif verb == "extend":
            requests.extend(found.pk, why=said, by=by, at=at)  # type: ignore[arg-type]
        else:
            requests.close(found.pk, answer=said, is_refused=verb == "refuse", by=by, at=at)  # type: ignore[arg-type]
    except REFUSED as why:
        return refused(request, found, str(why), status=422)
    except holds.OnHold as why:
        return refused(request, found, str(why), status=409)
    except LATE:
        return refused(request, found, FIRST, status=409)
    return redirect("asked", found.pk)


def refused(request: HttpRequest, found: Asked, problem: str, *, status: int) -> HttpResponse:
    """The page of a request with what stood in the way of a step."""
    return render(request, ONE, _one(found, problem), status=status)


@require_POST
@needs(OVERSEE)
def restriction_lift(request: HttpRequest, client_id: int) -> HttpResponse:
    """Let a client's data be used again."""
    person = get_object_or_404(Client, pk=client_id)
    if proof := step_up.ask(request):
        return proof
    try:
        requests.lift_restriction(person.pk, why=request.POST.get("why", ""), by=request.user, at=now())  # type: ignore[arg-type]
    except requests.BadRequestOfRights as why:
        return render(request, DESK, _desk(request) | {"problem": str(why)}, status=422)
    except requests.AlreadyClosed:
        return render(request, DESK, _desk(request) | {"problem": FIRST}, status=409)
    return redirect("rights_desk")


@require_GET
@needs(OVERSEE)
def keeping(request: HttpRequest) -> HttpResponse:
    """How long what is kept, what goes tonight, and what holds keep."""
    return page(request, KEEPING, _keeping("", {}))


@require_POST
@needs(OVERSEE)
def hold_place(request: HttpRequest) -> HttpResponse:
    """Place a legal hold."""
    form = request.POST
    scope = form.get("scope", "")
    named = form.get("target", "").strip()[:255]
    try:
        person = _client(named) if scope == Hold.Scope.CLIENT else None
        if scope == Hold.Scope.CLIENT and person is None:
            raise holds.BadHold(f"There is no client “{named[:80]}”.")
        holds.place(
            scope, reason=form.get("reason", ""), by=request.user, at=now(),  # type: ignore[arg-type]
            client_id=person.pk if person else None, campaign=named if scope == Hold.Scope.CAMPAIGN else "",
        )  # fmt: skip
    except holds.BadHold as why:
        return render(request, KEEPING, _keeping(str(why), form), status=422)
    return redirect("keeping")


@require_POST
@needs(OVERSEE)
def hold_lift(request: HttpRequest, hold_id: int) -> HttpResponse:
    """Ask for a hold to be lifted, or agree: two compliance officers."""
    if not holds.may_lift(request.user):  # type: ignore[arg-type]
        raise PermissionDenied
    found = get_object_or_404(Hold, pk=hold_id)
    if proof := step_up.ask(request):
        return proof
    try:
        lift = holds.lift if found.lift_asked_by_id else holds.ask_lift
        lift(found.pk, by=request.user, at=now())  # type: ignore[arg-type]
    except holds.NotYours as why:
        return render(request, KEEPING, _keeping(str(why), {}), status=403)
    except holds.AlreadyLifted:
        return render(request, KEEPING, _keeping(FIRST, {}), status=409)
    return redirect("keeping")


def _desk(request: HttpRequest) -> dict[str, Any]:
    found = Asked.objects.select_related("client", "closed_by")
    lists = {
        "waiting": found.to_do().order_by("due_on", "pk"),
        "in_force": found.in_force().order_by("received_at", "pk"),
        "restricted": Client.objects.filter(restricted_at__isnull=False, erased_at=None, merged_into=None).order_by(
            "restricted_at", "pk"
        ),
        "closed": found.exclude(closed_at=None).order_by("-closed_at", "-pk"),
    }
    return {
        "today": localdate(now()),
        **{name: Paginator(rows, PER_PAGE).get_page(request.GET.get(name)) for name, rows in lists.items()},
        "kinds": Asked.Kind.choices,
        "form": {},
        "problem": "",
    }


def _one(found: Asked, problem: str) -> dict[str, Any]:
    at = now()
    found.refresh_from_db()
    clock = clocks.of(found.kind, found.jurisdiction)
    received = localdate(found.received_at)
    is_erasure = found.kind == Asked.Kind.ERASURE and found.closed_at is None
    return {
        "asked": found,
        "today": localdate(at),
        "may_extend": not found.extended_at and clock.extended(received) != clock.due(received),
        "plan": erasure.plan(found.client_id, at=at) if is_erasure else None,
        "erasure": Erasure.objects.filter(client=joined.survivor(found.client_id)).first(),
        "problem": problem,
    }


def _keeping(problem: str, form: Any) -> dict[str, Any]:
    at = now()
    people = Hold.objects.select_related("client", "placed_by", "lift_asked_by", "lifted_by")
    due = lately.told("retention.plan", lambda: [asdict(one) for one in retention.plan(at=at)], for_s=HOUR_S, at=at)
    rules = retention.in_force(on=at.date()).order_by("record", "jurisdiction", "product", "pk")
    return {
        "rules": [(RetentionRule.Record(one.record).label, one) for one in rules],
        "due": [retention.Due(**one) for one in due.value],
        "due_at": due.at,
        "many": retention.MANY,
        "binding": people.binding().order_by("-pk"),
        "lifted": people.exclude(lifted_at=None).order_by("-lifted_at")[:PER_PAGE],
        "keys": erasure.due(at=at).count(),
        "scopes": Hold.Scope.choices,
        "problem": problem,
        "form": form,
    }


def _client(named: str) -> Client | None:
    """The firm's own id, or # and our number: a plain number could mean two people."""
    named = named.strip()
    wanted = Q(pk=int(named[1:])) if re.fullmatch(r"#[0-9]{1,18}", named) else Q(user_id=named)
    return Client.objects.filter(wanted, erased_at=None).first() if named else None
