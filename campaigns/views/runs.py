"""A run's page: where everybody is, live; its messages by state and reason; the stop."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from campaigns import board, desks, reasons, runs
from campaigns.models import Message, MessageState, Run, RunState
from campaigns.provider import watch
from compliance.web import answer, needs, page

TEMPLATE = "console/run.html"
SEES = ("compliance.build_campaigns", "compliance.review_texts", "compliance.oversee")
PAGE = 50
LIVE = (RunState.ASSEMBLING, RunState.SENDING)
# What the page calls a state: several of a message's states are one to a marketer.
STATES = {
    "sent": (MessageState.SENT,),
    "pending": (MessageState.PENDING, MessageState.CLAIMED, MessageState.INTENT),
    "held": (MessageState.HELD,),
    "unconfirmed": (MessageState.UNCONFIRMED,),
    "failed": (MessageState.FAILED,),
    "suppressed": (MessageState.SUPPRESSED,),
}


@require_safe
@needs(*SEES)
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """The whole page; for htmx, which asks again while the run lives, only its numbers."""
    found = get_object_or_404(
        desks.within(request.user, Run.objects.select_related("campaign", "launched_by", "stopped_by")), pk=run_id
    )
    context = _numbers(request, found)
    if not request.htmx:  # type: ignore[attr-defined]
        context |= _listed(request, found)
    return page(request, TEMPLATE, context, part="numbers")


@require_POST
@needs("compliance.build_campaigns")
def run_stop(request: HttpRequest, run_id: int) -> HttpResponse:
    """Stop the run; 409 when it had ended."""
    found = get_object_or_404(
        desks.within(request.user, Run.objects.select_related("campaign", "launched_by")), pk=run_id
    )
    stopped = runs.stop(found.pk, by=request.user, at=now())  # type: ignore[arg-type]
    found.refresh_from_db()
    context = {**_numbers(request, found), **_listed(request, found), "late": not stopped}
    status = 200 if stopped else 409
    return answer(request, TEMPLATE, context, part="numbers", then="run", then_args=(run_id,), status=status)


@require_POST
@needs("compliance.build_campaigns", "compliance.oversee")
def run_resume(request: HttpRequest, run_id: int) -> HttpResponse:
    """Let a paused run go on; 403 for whoever launched it, 409 when it is not paused, 422 without a reason."""
    found = get_object_or_404(
        desks.within(request.user, Run.objects.select_related("campaign", "launched_by")), pk=run_id
    )
    status, refused = 200, ""
    try:
        watch.resume(found.pk, reason=request.POST.get("reason", ""), by=request.user, at=now())  # type: ignore[arg-type]
    except watch.SamePerson:
        status, refused = 403, "You launched this run, so somebody else has to say that it may go on."
    except watch.NotPaused:
        status, refused = 409, "This run is not paused."
    except watch.NoReason as missing:
        status, refused = 422, str(missing)
    context = {**_numbers(request, found), **_listed(request, found), "refused": refused}
    return answer(request, TEMPLATE, context, part="numbers", then="run", then_args=(run_id,), status=status)


def _numbers(request: HttpRequest, found: Run) -> dict[str, Any]:
    counts = runs.counts(found.pk)
    paused = found.pauses.filter(resumed_at=None).first()
    return {
        "paused": paused,
        "pause_sentence": watch.SENTENCES[paused.reason] if paused else "",
        "may_resume": paused is not None and found.launched_by_id != request.user.pk,
        "health": [one for one in watch.health(found.pk) if one.level == "warn"],
        "run": found,
        "counts": counts,
        "bar": board.bar(counts),
        "kept_back": [(reason, reasons.because(reason), n) for reason, n in counts.suppressed.items()],
        "is_live": found.state in LIVE,
        "may_stop": found.state in LIVE and request.user.has_perm("compliance.build_campaigns"),
    }


def _listed(request: HttpRequest, found: Run) -> dict[str, Any]:
    """One page of messages; `after` is the id of the last one seen, so that no page counts or skips."""
    state, reason = request.GET.get("state", ""), request.GET.get("reason", "")[:40]
    rows = desks.messages(request.user, _messages(found, state, reason))
    after = _id(request.GET.get("after", ""))
    if after is not None:
        rows = rows.filter(pk__gt=after)
    seen = desks.veiled(request.user, rows[: PAGE + 1])
    return {
        "listed": [(one, reasons.told(one)) for one in seen[:PAGE]],
        "more": seen[PAGE - 1].pk if len(seen) > PAGE else None,
        "is_kept": desks.is_kept(request.user, found),
        "state": state,
        "reason": reason,
        "because": reasons.because(reason),
        "states": [(code, reasons.WORDS[code]) for code in STATES],
    }


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _messages(found: Run, state: str, reason: str) -> QuerySet[Message]:
    rows = Message.objects.filter(run=found).select_related("client", "variant").order_by("pk")
    rows = rows.only(
        "state",
        "reason",
        "arm",
        "run",
        "client__user_id",
        "variant__subject",
        "sent_at",
        "decided_at",
        "due_at",
        "window",
    )
    if state in STATES:
        rows = rows.filter(state__in=STATES[state])
    return rows.filter(reason=reason) if reason else rows
