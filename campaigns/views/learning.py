"""Learning: how far each campaign has come, what its policy of the day passed, and what all of them are to want."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from campaigns.lab import frontiers
from campaigns.learning import rewards, scope
from campaigns.models import Campaign, RewardVersion
from compliance import review
from compliance.models import ReviewItem
from compliance.web import answer, needs, page
from personalize.models import Artefact, Stage

TEMPLATE = "console/learning.html"
SEES = ("compliance.build_campaigns", "compliance.review_texts", "compliance.oversee")
SHOWN = 100


@require_safe
@needs(*SEES)
def learning(request: HttpRequest) -> HttpResponse:
    """The campaigns that were launched, the newest first, and every version of the reward."""
    return page(request, TEMPLATE, _context())


@require_POST
@needs("compliance.build_campaigns", "compliance.oversee")
def reward_propose(request: HttpRequest) -> HttpResponse:
    """Put the next version of the reward before the reviewers; 422 with the reason when it cannot be kept."""
    typed = {name: request.POST.get(name, "").strip() for name in (*rewards.NUMBERS, "why")}
    tries = request.POST.get("explores_sensitive") == "yes"
    weights: dict[str, Any] = {name: _number(typed[name]) for name in rewards.NUMBERS}
    status, problem = 200, ""
    try:
        rewards.propose(weights | {"explores_sensitive": tries}, why=typed["why"], by=request.user, at=now())  # type: ignore[arg-type]
        messages.success(request, "Two reviewers have to agree before it is in force.")
    except rewards.BadReward as fault:
        status, problem = 422, str(fault)
    context = {**_context({**typed, "explores_sensitive": tries} if problem else None), "problem": problem}
    return answer(request, TEMPLATE, context, part="reward", then="learning", status=status)


def _number(text: str) -> float | str:
    """What was typed as a number, or as it is, so that it is refused by name."""
    try:
        return float(text)
    except ValueError:
        return text


def _context(typed: dict[str, Any] | None = None) -> dict[str, Any]:
    at = now()
    campaigns = list(Campaign.objects.filter(runs__isnull=False).distinct().order_by("-made_at", "-pk")[:SHOWN])
    newest: dict[str, Artefact] = {}
    policies = Artefact.objects.filter(use_case__in=[scope.name(one) for one in campaigns]).defer("body")
    for one in policies.order_by("version"):
        if one.stage == Stage.LIVE or newest.get(one.use_case) is None or newest[one.use_case].stage != Stage.LIVE:
            newest[one.use_case] = one
    versions = list(RewardVersion.objects.select_related("author").order_by("-version"))
    standing = review.standing([one.digest for one in versions], at=at)
    items = dict(ReviewItem.objects.filter(digest__in=[one.digest for one in versions]).values_list("digest", "pk"))
    in_force = next((one.pk for one in versions if standing.get(one.digest) == "approved"), None)
    values = typed or (versions[0].weights if versions else rewards.USUAL)
    return {
        "campaigns": [
            (one, ready, newest.get(scope.name(one)))
            for one, ready in zip(campaigns, scope.readiness(campaigns, at=at), strict=True)
        ],
        "versions": [(one, rewards.said(one.weights).splitlines(), standing.get(one.digest), items.get(one.digest),
                      one.pk == in_force) for one in versions],
        "fields": [(name, words, values.get(name, "")) for name, words in rewards.NUMBERS.items()],
        "curves": frontiers.newest(),
        "tries": bool(values.get("explores_sensitive")),
        "why": values.get("why", ""),
        "problem": "",
    }  # fmt: skip
