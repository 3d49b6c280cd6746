"""The off-policy lab: ask what another policy would have done, and see whether the log can be trusted to say."""

from datetime import UTC, date, datetime, time
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from campaigns import charts, desks
from campaigns.lab import questions, selfcheck, targets
from campaigns.models import UseCase
from compliance.web import answer, needs, page
from personalize.models import Artefact

SHOWN = 50
LEAST_TO_GO_LIVE = 500
NAMES = {
    "ips": ("Inverse propensity", "ips"),
    "snips": ("The same, normalised", "snips"),
    "dm": ("Outcome model alone", "dm"),
    "dr": ("Doubly robust", "dr"),
    "sndr": ("Doubly robust, normalised", "sndr"),
    "switch-dr": ("Doubly robust, rare choices by model", "switch-dr"),
}
MAIN = "dr"


@require_safe
@needs("compliance.build_campaigns", "compliance.oversee")
def lab(request: HttpRequest) -> HttpResponse:
    """What was asked lately, a form to ask, and the newest weekly check of each use case."""
    return page(request, "console/lab.html", _context(request, {}, {}))


@require_POST
@needs("compliance.build_campaigns", "compliance.oversee")
def lab_ask(request: HttpRequest) -> HttpResponse:
    """Ask what a policy would have done; 422 when it cannot be asked like that."""
    form = {name: request.POST.get(name, "").strip() for name in ("use_case", "campaign", "policy", "since", "until")}
    at = now()
    try:
        made = questions.ask(
            form["use_case"], form["policy"], campaign=form["campaign"], by=request.user, at=at,  # type: ignore[arg-type]
            since=_day(form["since"], "since"), until=_day(form["until"], "until"),
        )  # fmt: skip
    except questions.BadQuestion as bad:
        context = _context(request, form, bad.errors)
        return answer(request, "console/lab.html", context, part="ask", then="lab", status=422)
    messages.success(request, "Asked. A worker reads the log and answers.")
    return answer(
        request, "console/lab.html", _context(request, {}, {}), part="ask", then="lab_question", then_args=(made.pk,)
    )


@require_safe
@needs("compliance.build_campaigns", "compliance.oversee")
def lab_question(request: HttpRequest, question_id: int) -> HttpResponse:
    """One question, and its answer once there is one."""
    asked = get_object_or_404(questions.within(request.user), pk=question_id)
    told: dict[str, Any] = asked.answer or {}
    rows = [(*NAMES[one["name"]], one) for one in told.get("estimates", [])]
    drawn = [charts.Estimate(words, one["value"], one["low"], one["high"]) for words, _, one in rows]
    context = {
        "asked": asked,
        "case": UseCase(asked.use_case).label,
        "policy": targets.WORDS.get(asked.policy, asked.policy),
        "told": told,
        "rows": rows,
        "forest": charts.forest([_happened(told), *drawn]) if drawn else None,
        "main": next((one for _, name, one in rows if name == MAIN), None),
        "thin": bool(told) and told["ess"] < LEAST_TO_GO_LIVE,
        "error": 1.96 * told["weight_error"] if told else 0.0,
        "least": LEAST_TO_GO_LIVE,
    }
    return page(request, "console/lab_question.html", context, part="answer")


def _happened(told: dict[str, Any]) -> charts.Estimate:
    value, low, high = told["happened"]
    return charts.Estimate("What happened", value, low, high, "2")


def _day(given: str, name: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(given), time(), UTC)
    except ValueError:
        raise questions.BadQuestion({name: "Choose a day."}) from None


def _context(request: HttpRequest, form: dict[str, str], errors: dict[str, str]) -> dict[str, Any]:
    at = now()
    quarter = {"since": (at - questions.QUARTER).date().isoformat(), "until": at.date().isoformat()}
    models = Artefact.objects.order_by("use_case", "-version").values_list("use_case", "version", "stage")[:SHOWN]
    return {
        "questions": [(UseCase(one.use_case).label, targets.WORDS.get(one.policy, one.policy), one)
                      for one in questions.within(request.user).order_by("-asked_at", "-pk")[:SHOWN]],
        "checks": [(UseCase(one.use_case).label, one, abs(one.estimate - one.happened)) for one in selfcheck.newest()],
        "use_cases": UseCase.choices,
        "campaigns": desks.campaigns(request.user).filter(runs__isnull=False).distinct().order_by("name")[:SHOWN],
        "policies": list(targets.WORDS.items()),
        "models": [(f"{targets.MODEL}{version}", f"{UseCase(case).label}, version {version} ({stage})")
                   for case, version, stage in models if case in UseCase.values],
        "form": quarter | form,
        "errors": errors,
    }  # fmt: skip
