"""Campaigns as a list and one by one: what they are, what keeps them from launch, launching and copying."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import audiences, board, charts, conditions, desks, forms, plans, reasons, runs, tasks
from campaigns.changes import changes
from campaigns.models import Campaign, CampaignState, Slot
from campaigns.views import schedules
from compliance import review
from compliance.web import needs, page

PER_PAGE = 20


@require_safe
@needs("compliance.build_campaigns", "compliance.oversee")
def campaigns(request: HttpRequest) -> HttpResponse:
    """Every campaign, newest first, with its newest run's numbers."""
    state, words = request.GET.get("state", ""), request.GET.get("q", "").strip()[:80]
    found = desks.campaigns(request.user).select_related("owner").order_by("-made_at", "pk")
    if state in CampaignState.values:
        found = found.filter(state=state)
    if words:
        found = found.filter(name__icontains=words)
    shown = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": shown,
        "cards": board.cards(shown.object_list),
        "states": CampaignState.choices,
        "state": state,
        "q": words,
    }
    return page(request, "console/campaigns.html", context, part="found")


@require_safe
@needs("compliance.build_campaigns", "compliance.oversee")
def campaign(request: HttpRequest, slug: str) -> HttpResponse:
    """One campaign: what blocks its launch, whom it reaches, its words, its runs and its history."""
    found = get_object_or_404(desks.campaigns(request.user).select_related("owner"), slug=slug)
    context = {**_about(found), **schedules.shown(found), "may_build": _may_build(request)}
    return page(request, "console/campaign.html", context)


@require_http_methods(["GET", "POST"])
@needs("compliance.build_campaigns")
def campaign_launch(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask once more, then launch."""
    found, status = get_object_or_404(desks.campaigns(request.user).select_related("owner"), slug=slug), 200
    if request.method == "POST":
        try:
            run = runs.launch(found, by=request.user, at=now())
        except runs.LaunchRefused as refused:
            runs.ask(found, refused.blockers, by=request.user, at=now())
            status = 409
        else:
            tasks.kick(run.pk)
            messages.success(request, "The run is launched. Its messages are being assembled.")
            return redirect("run", run.pk)
    return page(request, "console/launch.html", _about(found), status=status)


@require_POST
@needs("compliance.build_campaigns")
def campaign_copy(request: HttpRequest, slug: str) -> HttpResponse:
    """A new draft like this one."""
    found = get_object_or_404(desks.campaigns(request.user), slug=slug)
    name = f"{found.name} (copy)"[:120]
    slug = forms.free_slug(name) or forms.free_slug(found.slug)
    made = plans.copy(found, slug=slug, name=name, by=request.user, at=now())
    messages.success(request, f"“{made.name}” is a new draft.")
    return redirect("campaign_edit", made.slug)


def _may_build(request: HttpRequest) -> bool:
    return request.user.has_perm("compliance.build_campaigns")


def _about(found: Campaign) -> dict[str, Any]:
    at = now()
    candidates = list(found.candidates.select_related("version__block").order_by("is_fallback", "position", "pk"))
    standing = review.standing([one.version.digest for one in candidates], at=at)
    listed = list(found.runs.select_related("launched_by").order_by("-number")[:10])
    counted = board.counts(listed)
    return {
        "campaign": found,
        "blockers": plans.blockers(found, at=at),
        **_reach(found, at=at),
        "condition": conditions.words(found.audience),
        "sentences": forms.sentence(found.objective),
        "shares": _shares(found),
        "slots": [
            (slot.label, [(one, standing.get(one.version.digest, "absent"), conditions.words(one.rule)) for one in own])
            for slot in list(Slot)
            if (own := [one for one in candidates if one.slot == slot])
        ],
        "runs": [(one, counted[one.pk], board.bar(counted[one.pk])) for one in listed],
        "changes": changes(found),
    }


def _reach(found: Campaign, *, at: Any) -> dict[str, Any]:
    try:
        reach = audiences.count(
            found.audience, purpose=found.purpose, channel=found.channel, cap=found.max_per_week, at=at
        )
    except audiences.BadRule:
        return {"reach": None, "steps": (), "lost": []}
    if few := audiences.too_few(found.audience, reach):
        return {"reach": reach, "few": few}
    lost = [(reasons.because(reason), n) for reason, n in reach.lost if n]
    return {"reach": reach, "steps": charts.steps(reach.steps), "lost": lost}


def _shares(found: Campaign) -> charts.Stack:
    whole = 1000
    control, holdout = round(found.share_control * whole), round(found.share_holdout * whole)
    return charts.stack(
        [
            charts.Part("Personalised", whole - control - holdout),
            charts.Part("Segmented control", control, "muted"),
            charts.Part("Holdout, gets nothing", holdout, "warn"),
        ],
        total=whole,
    )
