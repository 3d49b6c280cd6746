"""Pressure and calm on a page: the budget and what calm closes, approved by two; begun by one, lifted by two."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from campaigns.models import Calm, WellbeingPolicy
from campaigns.wellbeing import calm, policy
from compliance import review, step_up
from compliance.models import ReviewItem
from compliance.web import answer, needs, page

TEMPLATE = "compliance/wellbeing.html"
PAST = 20


@require_safe
@needs("compliance.oversee", "compliance.build_campaigns", "compliance.review_texts")
def wellbeing(request: HttpRequest) -> HttpResponse:
    """Whether calm holds, what it closes, and every version of the policy."""
    return page(request, TEMPLATE, _context(request))


@require_POST
@needs("compliance.oversee", "compliance.build_campaigns")
def policy_propose(request: HttpRequest) -> HttpResponse:
    """Put the next version of the policy before the reviewers; 422 with the reason when it cannot be kept."""
    typed = {
        name: request.POST.get(name, "").strip()[:300]
        for name in ("days", "points", "signal", "at_least", "topics", "why")
    }
    rule = {
        "days": _number(typed["days"]),
        "points": _number(typed["points"]),
        "signal": typed["signal"],
        "at_least": _size(typed["at_least"]),
        "closes_pressing": request.POST.get("closes_pressing") == "on",
        "topics": typed["topics"].replace(",", " ").split(),
    }
    problem = ""
    try:
        policy.propose(rule, why=typed["why"], by=request.user, at=now())  # type: ignore[arg-type]
        messages.success(request, "Two reviewers have to agree before it is in force.")
    except policy.BadPolicy as bad:
        problem = str(bad)
    asked = {**typed, "closes_pressing": rule["closes_pressing"]} if problem else None
    context = {**_context(request, asked), "policy_problem": problem}
    return answer(request, TEMPLATE, context, part="state", then="wellbeing", status=422 if problem else 200)


@require_POST
@needs("compliance.oversee", "compliance.review_texts")
def calm_begin(request: HttpRequest) -> HttpResponse:
    """One person closes what presses; 422 without a reason, 409 when calm holds already."""
    status, problem = 200, ""
    try:
        calm.begin(reason=request.POST.get("reason", ""), by=request.user, at=now())  # type: ignore[arg-type]
    except calm.NoReason:
        status, problem = 422, "Say why. It goes into the ledger; whoever lifts it reads it."
    except calm.AlreadyCalm:
        status, problem = 409, "Calm holds already."
    context = {**_context(request), "problem": problem}
    return answer(request, TEMPLATE, context, part="state", then="wellbeing", status=status)


@require_POST
@needs("compliance.oversee", "compliance.review_texts")
def calm_lift(request: HttpRequest, calm_id: int) -> HttpResponse:
    """The first or the second of two lifts it; 403 for the same person twice, 409 when it stands otherwise."""
    if asked := step_up.ask(request):
        return asked
    status, problem = 200, ""
    found = Calm.objects.select_related("lift_asked_by").filter(pk=calm_id).first()
    try:
        act = calm.lift if found and calm.asked_by(found) else calm.ask_lift
        act(calm_id, by=request.user, at=now())  # type: ignore[arg-type]
    except calm.NotYours as fault:
        status, problem = 403, str(fault)
    except calm.NotCalm:
        status, problem = 409, "Somebody was first. This is how it stands now."
    context = {**_context(request), "problem": problem}
    return answer(request, TEMPLATE, context, part="state", then="wellbeing", status=status)


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else text


def _size(text: str) -> float | str | None:
    try:
        return float(text) if text else None
    except ValueError:
        return text


def _context(request: HttpRequest, typed: dict[str, Any] | None = None) -> dict[str, Any]:
    at, may = now(), request.user.has_perm
    rows = list(WellbeingPolicy.objects.select_related("author").order_by("-version"))
    standing = review.standing([one.digest for one in rows], at=at)
    items = dict(ReviewItem.objects.filter(digest__in=[one.digest for one in rows]).values_list("digest", "pk"))
    in_force = next((one for one in rows if standing.get(one.digest) in policy.BINDS), None)
    people = ("begun_by", "lift_asked_by", "lifted_by")
    values = typed or (
        {**{name: getattr(in_force, name) for name in policy.USUAL}, "topics": ", ".join(in_force.topics)}
        if in_force
        else {**policy.USUAL, "topics": ""}
    )
    return {
        "now_calm": Calm.objects.filter(lifted_at=None).select_related("policy", *people).first(),
        "past": Calm.objects.exclude(lifted_at=None).select_related(*people).order_by("-lifted_at")[:PAST],
        "budget": policy.budget(at=at),
        "versions": [
            (one, policy.said(one), standing.get(one.digest), items.get(one.digest), one is in_force) for one in rows
        ],
        "values": values,
        "may_begin": may("compliance.oversee") or may("compliance.review_texts"),
        "may_propose": may("compliance.oversee") or may("compliance.build_campaigns"),
    }
