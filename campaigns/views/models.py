"""Models: what there is to learn from, what was learnt, and who let it decide."""

from collections.abc import Callable
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from campaigns import cardcharts, drift, examples
from campaigns.fairness import reports
from campaigns.models import UseCase
from campaigns.trials import gate, lately
from compliance.models import Approval, ReviewState, Staff
from compliance.web import answer, needs, page
from personalize import features, training
from personalize.models import Artefact, Feature, ModelStep, Stage
from personalize.outlooks import checks
from personalize.outlooks.cases import BY_CODE
from personalize.registry import fields, signing, steps


@require_safe
@needs("compliance.build_campaigns", "compliance.oversee")
def readiness(request: HttpRequest) -> HttpResponse:
    """How far every use case has come: rules, one model for all, one's own taste."""
    live = {one.use_case: one for one in Artefact.objects.filter(stage=Stage.LIVE).defer("body")}
    context = {
        "cases": [(UseCase(one.use_case).label, one, live.get(one.use_case)) for one in examples.readiness(at=now())],
        "outlooks": checks.standing(at=now()),
        "pooled": (training.POOLED_ROWS, training.POOLED_POSITIVES),
        "individual": (training.INDIVIDUAL_ROWS, training.INDIVIDUAL_POSITIVES),
    }
    return page(request, "console/readiness.html", context)


@require_safe
@needs("compliance.build_campaigns", "compliance.oversee")
def models(request: HttpRequest) -> HttpResponse:
    """Every model that was ever registered, the newest first, and the features that models may read."""
    listed = Artefact.objects.select_related("approved_by").defer("body").order_by("-trained_at", "-pk")[:200]
    context = {
        "models": [(_label(one), one) for one in listed],
        "features": features.registry(),
        "forbidden": Feature.Sensitivity.FORBIDDEN,
    }  # fmt: skip
    return page(request, "console/models.html", context)


@require_safe
@needs("compliance.build_campaigns", "compliance.oversee")
def model(request: HttpRequest, artefact_id: int) -> HttpResponse:
    """One model's card."""
    return page(request, "console/model.html", _context(request, artefact_id))


@require_POST
@needs("compliance.build_campaigns", "compliance.oversee")
def model_own(request: HttpRequest, artefact_id: int) -> HttpResponse:
    """Answer for a model from now on."""
    return _answered(
        request, artefact_id, lambda by: signing.own(artefact_id, by=by, at=now()), said="You own this model."
    )


@require_POST
@needs("compliance.build_campaigns", "compliance.oversee")
def model_validate(request: HttpRequest, artefact_id: int) -> HttpResponse:
    """Say what an independent look found."""
    findings = request.POST.get("findings", "")[:4000]
    return _answered(
        request, artefact_id, lambda by: signing.validate(artefact_id, findings=findings, by=by, at=now()),
        said="Your findings are on the card.",
    )  # fmt: skip


@require_POST
@needs("compliance.build_campaigns", "compliance.oversee")
def model_ask(request: HttpRequest, artefact_id: int) -> HttpResponse:
    """Ask for a model's next step; two others have to approve it."""
    share = _share(request.POST.get("share", ""))
    return _answered(
        request, artefact_id, lambda by: gate.ask(artefact_id, share=share, by=by, at=now()),
        said="Two others have to approve this step. It is in the review queue.",
    )  # fmt: skip


@require_POST
@needs("compliance.oversee")
def model_take(request: HttpRequest, artefact_id: int) -> HttpResponse:
    """Take a step that two others approved."""
    given = request.POST.get("step", "")
    step = get_object_or_404(ModelStep, pk=int(given) if given.isdecimal() and len(given) < 10 else 0,
                             artefact=artefact_id)  # fmt: skip
    return _answered(
        request, artefact_id, lambda by: gate.take(step.pk, by=by, at=now()), said="The model has taken this step."
    )


@require_POST
@needs("compliance.oversee")
def model_retire(request: HttpRequest, artefact_id: int) -> HttpResponse:
    """Take a model out, wherever it stands; rules choose where it was live."""
    return _answered(
        request, artefact_id, lambda by: training.retire(artefact_id, by=by, at=now()), said="This model is out."
    )


def _answered(request: HttpRequest, artefact_id: int, deed: Callable[[Staff], object], *, said: str) -> HttpResponse:
    """Do one deed on a model and show it again; a refusal stands where its button was."""
    get_object_or_404(Artefact, pk=artefact_id)
    refused = ""
    try:
        deed(request.user)  # type: ignore[arg-type]
        messages.success(request, said)
    except (training.NotReady, signing.CannotSign, steps.CannotStep) as why:
        refused = str(why)
    return answer(
        request, "console/model.html", {**_context(request, artefact_id), "refused": refused}, part="decision",
        then="model", then_args=(artefact_id,), status=409 if refused else 200,
    )  # fmt: skip


def _share(given: str) -> float:
    """A share from a percentage as typed; one that nobody can mean is refused further on."""
    try:
        return min(max(float(given), 0.0), 100.0) / 100 if given.strip() else 0.0
    except ValueError:
        return 1.0


def _label(model: Artefact) -> str:
    """What a model is for, in words: its use case, or the campaign that learns by it."""
    if model.use_case in UseCase.values:
        return UseCase(model.use_case).label
    if model.use_case in BY_CODE:
        return BY_CODE[model.use_case].name
    return f"Policy of {model.card['campaign']}" if "campaign" in model.card else model.use_case


def _context(request: HttpRequest, artefact_id: int) -> dict[str, object]:
    found = get_object_or_404(
        Artefact.objects.select_related("approved_by", "owner", "validator", "step").defer("body"), pk=artefact_id
    )
    card, at = found.card, now()
    known = {one.code: one for one in features.registry()}
    trial, trial_at = lately.of(found, at=at)
    return {
        "model": found,
        "card": card,
        "label": _label(found),
        "former": steps.standing(found.use_case, Stage.LIVE),
        "ladder": _ladder(found),
        "next_step": steps.AFTER.get(Stage(found.stage)),
        "asked": _asked(found, at=at),
        "usual_share": round(100 * steps.SHARE),
        "most_share": round(100 * steps.MOST_SHARE),
        "trial": trial,
        "trial_at": trial_at,
        "may_decide": request.user.has_perm("compliance.oversee"),  # type: ignore[union-attr]
        "reliability": cardcharts.reliability(card.get("reliability", [])),
        "weights": cardcharts.weights(card.get("importance", [])),
        "features": [known[code] for code in card.get("features", []) if code in known],
        "missing": fields.missing(found),
        "may_own": found.owner_id is None and found.validator_id != request.user.pk,
        "may_validate": found.validator_id is None and found.owner_id not in (None, request.user.pk),
        "fairness": reports.newest(artefact=found),
        "drift": drift.newest(found.pk),
        "refused": "",
    }


def _ladder(model: Artefact) -> list[tuple[str, bool, ModelStep | None, list[str]]]:
    """(stage in words, whether the model stands there, the last step to it that was taken, who approved that)."""
    taken = {
        one.to: one for one in model.steps.filter(taken_at__isnull=False).select_related("taken_by").order_by("pk")
    }
    yes: dict[str, list[str]] = {}
    digests = [one.digest for one in taken.values()]
    for one in Approval.objects.filter(digest__in=digests).select_related("by").order_by("pk"):
        yes.setdefault(one.digest, []).append(one.by.get_full_name() or one.by.username)
    way = (Stage.WAITING, *steps.STANDING)
    return [
        (one.label, model.stage == one, step, yes.get(step.digest, []) if step else [])
        for one, step in ((one, taken.get(one)) for one in way)
    ]


def _asked(model: Artefact, *, at: datetime) -> dict[str, object] | None:
    """The step that was asked for: itself, its review, and whether it is approved; None where none is."""
    step = steps.open_step(model, at=at)
    if step is None:
        return None
    item = steps.item(step)
    return {
        "step": step, "item": item, "words": steps.SAYS[Stage(step.to)].format(share=step.share),
        "is_approved": item.state == ReviewState.APPROVED,
        "yes": item.approvals.filter(round=item.round).count(),
    }  # fmt: skip
