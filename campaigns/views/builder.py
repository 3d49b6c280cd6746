"""The campaign builder: one page that is a draft until it is saved, and the parts that live while one writes."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import audiences, charts, conditions, desks, forms, library, objectives, plans, reasons
from campaigns.forms import Builder
from campaigns.models import BlockVersion, Campaign, CampaignState, SendHour, UseCase, WhenCapped
from compliance.models import Channel, Purpose
from compliance.web import needs, page

TEMPLATE = "console/builder.html"
# What clients gain, as our sources name it; anything else may be written as well.
METRICS = (
    "Module Completed", "Contribution Changed", "Account Funded", "Goal Set", "Statement Downloaded",
    "Appointment Booked", "retained", "satisfied",
)  # fmt: skip


@require_http_methods(["GET", "POST"])
@needs("compliance.build_campaigns")
def campaign_new(request: HttpRequest) -> HttpResponse:
    """Write a new campaign down as a draft."""
    if request.method == "GET":
        return _whole(request, Builder.blank())
    built = Builder.read(request.POST)
    fields, candidates = built.fields(), _candidates(built)
    slug = forms.free_slug(built.values["name"])
    try:
        if built.errors:
            raise plans.BadPlan({**plans.faults({"slug": slug or "x", **fields}), **built.errors})
        campaign = plans.draft(slug=slug, **fields, candidates=candidates, by=request.user, at=now())
    except plans.BadPlan as bad:
        return _refused(request, built, bad)
    messages.success(request, f"“{campaign.name}” is saved as a draft.")
    return redirect("campaign", campaign.slug)


@require_http_methods(["GET", "POST"])
@needs("compliance.build_campaigns")
def campaign_edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Change a campaign that does not run."""
    campaign = get_object_or_404(desks.campaigns(request.user), slug=slug)
    if campaign.state == CampaignState.RUNNING:
        messages.warning(request, "This campaign is running. Stop its run, or copy it, to change anything.")
        return redirect("campaign", slug)
    if request.method == "GET":
        return _whole(request, Builder.of(campaign), campaign=campaign)
    built = Builder.read(request.POST)
    fields, candidates = built.fields(), _candidates(built)
    try:
        if built.errors:
            raise plans.BadPlan({**plans.faults(fields, whole=False, now=campaign), **built.errors})
        plans.revise(campaign, candidates=candidates, by=request.user, at=now(), **fields)
    except plans.BadPlan as bad:
        return _refused(request, built, bad, campaign=campaign)
    except plans.NotADraft:
        return _refused(request, built, plans.BadPlan({"run": "Someone launched this campaign meanwhile."}), status=409)
    messages.success(request, f"“{fields['name']}” is saved.")
    return redirect("campaign", slug)


@require_POST
@needs("compliance.build_campaigns")
def campaign_part(request: HttpRequest, part: str) -> HttpResponse:
    """One part of the builder as it would look with what is written now; nothing is saved."""
    built = Builder.read(request.POST)
    built.step(request.POST)
    built.touched = request.htmx.trigger or ""
    campaign = desks.campaigns(request.user).filter(slug=request.POST.get("campaign", "")).first()
    if not request.htmx:
        return _whole(request, built, campaign=campaign)
    context = {"built": built, "campaign": campaign, **PARTS[part](built, at=now())}
    return page(request, TEMPLATE, context, part=part)


def _candidates(built: Builder) -> list[plans.Candidate]:
    wanted = built.candidate_rules()
    versions = BlockVersion.objects.select_related("block").in_bulk(list(wanted))
    return [(versions[pk], is_fallback, rule) for pk, (is_fallback, rule) in wanted.items() if pk in versions]


def _refused(
    request: HttpRequest, built: Builder, bad: plans.BadPlan, *, campaign: Campaign | None = None, status: int = 422
) -> HttpResponse:
    built.errors = {("name" if name == "slug" else "blocks" if name in ("rule", "block") else name): why
                    for name, why in bad.errors.items()}  # fmt: skip
    if "name" in built.errors and not built.values["name"]:
        built.errors["name"] = "Give the campaign a name."
    return _whole(request, built, campaign=campaign, status=status)


def _whole(
    request: HttpRequest, built: Builder, *, campaign: Campaign | None = None, status: int = 200
) -> HttpResponse:
    at = now()
    context: dict[str, Any] = {
        "built": built,
        "campaign": campaign,
        "use_cases": UseCase.choices,
        "metrics": METRICS,
        "fates": WhenCapped.choices,
        "send_hours": SendHour.choices,
    }
    for show in PARTS.values():
        context |= show(built, at=at)
    return page(request, TEMPLATE, context, status=status)


def _audience(built: Builder, *, at: datetime) -> dict[str, Any]:
    reach, unread, few = None, "", ""
    try:
        cap = int(built.values["max_per_week"]) if built.values["max_per_week"].isdigit() else 3
        reach = audiences.count(
            built.rule(), purpose=built.values["purpose"], channel=built.values["channel"], cap=cap, at=at
        )
        few = audiences.too_few(built.rule(), reach)
    except audiences.BadRule as bad:
        unread = str(bad)
    groups = conditions.field_groups()
    return {
        "purposes": Purpose.choices,
        "channels": [(one.value, one.label) for one in (Channel.EMAIL, Channel.WEB)],
        "groups": groups,
        "listed": {name for _, group in groups for name, _ in group},
        "operators": conditions.OPERATORS,
        "reach": reach,
        "few": few,
        "steps": charts.steps(reach.steps) if reach and not few else (),
        "lost": [(reasons.because(reason), n) for reason, n in reach.lost if n] if reach and not few else [],
        "unread": unread,
    }


def _objective(built: Builder, *, at: datetime) -> dict[str, Any]:
    weights = built.objective()
    return {
        "weights": [(name, words, built.values[f"w_{name}"]) for name, words in forms.WEIGHTS],
        "sentences": forms.sentence(weights),
        "fault": built.errors.get("objective") or objectives.objective_fault(weights),
    }


def _blocks(built: Builder, *, at: datetime) -> dict[str, Any]:
    found = library.shelves(kept=built.chosen.keys(), at=at)
    needed = plans.USED_SLOTS.get(built.values["channel"], ())
    groups = conditions.field_groups()
    return {
        "groups": groups,
        "listed": {name for _, group in groups for name, _ in group},
        "operators": conditions.OPERATORS,
        "approved": found.approved,
        "shelves": [_shelf(one, built, needed) for one in found.shelves],
    }


def _shelf(shelf: library.Shelf, built: Builder, needed: Collection[str]) -> dict[str, Any]:
    """One slot's blocks: the picked ones first, the fallback last among them, as the plan has it."""
    options = [(version, built.chosen.get(version.pk)) for version in shelf.versions]
    picked = sorted(((v, c) for v, c in options if c), key=lambda one: one[1].is_fallback)
    return {
        "slot": shelf.slot,
        "label": shelf.label,
        "needed": shelf.slot in needed,
        "picked": picked,
        "others": [(version, None) for version, chosen in options if not chosen],
        "fallback": any(chosen.is_fallback for _, chosen in picked),
        "is_browsed": any(f"use-{version.pk}" == built.touched for version, _ in options),
    }


PARTS = {"objective": _objective, "audience": _audience, "blocks": _blocks}
