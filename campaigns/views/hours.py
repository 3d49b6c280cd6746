"""Send hours on a page: when clients read, what came of the hours that were drawn, and the policy behind them."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from campaigns import bulk, charts, desks
from campaigns.hours import policy, pool
from campaigns.models import HourPolicy, SendHour
from compliance import review
from compliance.models import ReviewItem
from compliance.web import answer, needs, page
from personalize.learn import effects

TEMPLATE = "console/hours.html"
SEES = ("compliance.build_campaigns", "compliance.review_texts", "compliance.oversee")


@require_safe
@needs(*SEES)
def hours(request: HttpRequest) -> HttpResponse:
    """How far send hours have come, when clients read, the effect, and every version of the policy."""
    return page(request, TEMPLATE, _context(request))


@require_POST
@needs("compliance.build_campaigns", "compliance.oversee")
def hours_propose(request: HttpRequest) -> HttpResponse:
    """Put the next version of the policy before the reviewers; 422 with the reason when it cannot be kept."""
    typed = {name: request.POST.get(name, "").strip()[:300] for name in (*policy.USUAL, "why")}
    rule: dict[str, Any] = {name: _number(typed[name]) for name in policy.USUAL}
    rule["share_rule"] = rule["share_rule"] / 100 if isinstance(rule["share_rule"], int) else rule["share_rule"]
    problem = ""
    try:
        policy.propose(rule, why=typed["why"], by=request.user, at=now())  # type: ignore[arg-type]
        messages.success(request, "Two reviewers have to agree before it is in force.")
    except policy.BadPolicy as bad:
        problem = str(bad)
    context = {**_context(request, typed if problem else None), "problem": problem}
    return answer(request, TEMPLATE, context, part="policy", then="hours", status=422 if problem else 200)


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else text


def _context(request: HttpRequest, typed: dict[str, Any] | None = None) -> dict[str, Any]:
    at, counted = now(), pool.newest()
    rows = list(HourPolicy.objects.select_related("author").order_by("-version"))
    standing = review.standing([one.digest for one in rows], at=at)
    items = dict(ReviewItem.objects.filter(digest__in=[one.digest for one in rows]).values_list("digest", "pk"))
    current = policy.in_force(at=at)
    shown = {name: getattr(rows[0], name) for name in policy.USUAL} if rows else policy.USUAL
    values = typed or {**shown, "share_rule": round(100 * shown["share_rule"])}
    found = bulk.hours.effect(at=at)
    return {
        "pool": counted,
        "ready": pool.readiness(counted),
        "bars": charts.by_hour(counted.counts) if counted and sum(counted.counts) else None,
        "effect": charts.forest(_rates(found)) if found else None,
        "sent": charts.by_hour(_drawn(found)) if found else None,
        "by_hour": _by_hour(found),
        "campaigns": desks.campaigns(request.user).filter(send_hour=SendHour.LEARNED).order_by("-made_at", "-pk")[:20],
        "current": current,
        "versions": [
            (one, policy.said(one), standing.get(one.digest), items.get(one.digest), one == current) for one in rows
        ],
        "values": values,
        "may_propose": any(map(request.user.has_perm, ("compliance.build_campaigns", "compliance.oversee"))),
    }


def _rates(found: Any) -> list[charts.Estimate]:
    """The share opened, of those who keep the declared hour and of the others, where anything was sent."""
    out = []
    for is_rule, words, tone in ((True, "The declared hour", "2"), (False, "Learnt hours", "1")):
        sent, opened = (sum(one[place] for one in found if one[1] == is_rule) for place in (2, 3))
        if sent:
            low, high = effects.wilson(opened, sent)
            out.append(charts.Estimate(f"{words} ({sent:,} sent)", opened / sent, low, high, tone))
    return out


def _drawn(found: Any) -> list[int]:
    return [sum(one[2] for one in found if one[0] == hour) for hour in range(24)]


def _by_hour(found: Any) -> list[tuple[int, int, int, float]]:
    """(hour, sent, opened, share) of each hour in which anything was sent."""
    out = []
    for hour in sorted({one[0] for one in found}):
        sent, opened = (sum(one[place] for one in found if one[0] == hour) for place in (2, 3))
        out.append((hour, sent, opened, opened / sent))
    return out
