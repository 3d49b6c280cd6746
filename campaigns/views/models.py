"""Models: what there is to learn from, what was learnt, and who let it decide."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from campaigns import cardcharts, drift, examples
from campaigns.fairness import gate, reports
from campaigns.models import UseCase
from compliance.web import answer, needs, page
from personalize import features, training
from personalize.models import Artefact, Feature, Stage
from personalize.registry import fields, signing


@require_safe
@needs("compliance.build_campaigns", "compliance.oversee")
def readiness(request: HttpRequest) -> HttpResponse:
    """How far every use case has come: rules, one model for all, one's own taste."""
    live = {one.use_case: one for one in Artefact.objects.filter(stage=Stage.LIVE).defer("body")}
    context = {
        "cases": [(UseCase(one.use_case).label, one, live.get(one.use_case)) for one in examples.readiness(at=now())],
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
@needs("compliance.oversee")
def model_live(request: HttpRequest, artefact_id: int) -> HttpResponse:
    """Let a model decide; the one before it retires in the same moment."""
    get_object_or_404(Artefact, pk=artefact_id)
    refused = ""
    try:
        gate.go_live(artefact_id, by=request.user, at=now())
        messages.success(request, "This model decides from now on.")
    except training.NotReady as why:
        refused = str(why)
    context = {**_context(request, artefact_id), "refused": refused}
    return answer(
        request, "console/model.html", context, part="decision", then="model", then_args=(artefact_id,),
        status=409 if refused else 200,
    )  # fmt: skip


@require_POST
@needs("compliance.oversee")
def model_retire(request: HttpRequest, artefact_id: int) -> HttpResponse:
    """Take a live model out of service; rules choose until another goes live."""
    get_object_or_404(Artefact, pk=artefact_id)
    refused = ""
    try:
        training.retire(artefact_id, by=request.user, at=now())
        messages.success(request, "Rules choose from now on.")
    except training.NotReady as why:
        refused = str(why)
    context = {**_context(request, artefact_id), "refused": refused}
    return answer(
        request, "console/model.html", context, part="decision", then="model", then_args=(artefact_id,),
        status=409 if refused else 200,
    )  # fmt: skip


@require_POST
@needs("compliance.build_campaigns", "compliance.oversee")
def model_own(request: HttpRequest, artefact_id: int) -> HttpResponse:
    """Answer for a model from now on."""
    get_object_or_404(Artefact, pk=artefact_id)
    refused = ""
    try:
        signing.own(artefact_id, by=request.user, at=now())
        messages.success(request, "You own this model.")
    except signing.CannotSign as why:
        refused = str(why)
    context = {**_context(request, artefact_id), "refused": refused}
    return answer(
        request, "console/model.html", context, part="decision", then="model", then_args=(artefact_id,),
        status=409 if refused else 200,
    )  # fmt: skip


@require_POST
@needs("compliance.build_campaigns", "compliance.oversee")
def model_validate(request: HttpRequest, artefact_id: int) -> HttpResponse:
    """Say what an independent look found."""
    get_object_or_404(Artefact, pk=artefact_id)
    refused = ""
    try:
        signing.validate(artefact_id, findings=request.POST.get("findings", "")[:4000], by=request.user, at=now())
        messages.success(request, "Your findings are on the card.")
    except signing.CannotSign as why:
        refused = str(why)
    context = {**_context(request, artefact_id), "refused": refused}
    return answer(
        request, "console/model.html", context, part="decision", then="model", then_args=(artefact_id,),
        status=409 if refused else 200,
    )  # fmt: skip


def _label(model: Artefact) -> str:
    """What a model is for, in words: its use case, or the campaign that learns by it."""
    if model.use_case in UseCase.values:
        return UseCase(model.use_case).label
    return f"Policy of {model.card['campaign']}" if "campaign" in model.card else model.use_case


def _context(request: HttpRequest, artefact_id: int) -> dict[str, object]:
    found = get_object_or_404(
        Artefact.objects.select_related("approved_by", "owner", "validator").defer("body"), pk=artefact_id
    )
    card = found.card
    known = {one.code: one for one in features.registry()}
    return {
        "model": found,
        "card": card,
        "label": _label(found),
        "former": Artefact.objects.filter(use_case=found.use_case, stage=Stage.LIVE).defer("body").first(),
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
