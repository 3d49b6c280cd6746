"""Preview as a client: three people side by side; nothing is written and nothing is sent."""

from datetime import datetime
from difflib import SequenceMatcher

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import desks, plans, previews
from campaigns.models import Campaign
from campaigns.previews import Preview
from compliance import searches
from compliance.models import Client
from compliance.web import needs, page
from personalize import discretion

# A mail may style itself and show our pictures; it may run nothing, load nothing else and lead nowhere.
MAIL_CSP = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data: {base}/static/; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
MOST_THROWS = 10**6
ALIKE = 0.6  # texts less alike than this are shown one after the other, not woven together


@require_http_methods(["GET", "HEAD", "POST"])
@needs("compliance.build_campaigns", "compliance.oversee")
def campaign_preview(request: HttpRequest, slug: str) -> HttpResponse:
    """Up to three clients side by side, and what differs between two of them."""
    campaign, at = get_object_or_404(desks.campaigns(request.user), slug=slug), now()
    if sealed := searches.moved(request, ("q",)):
        return sealed
    throw, words = _throw(request), searches.asked(request, ("q",)).get("q", "").strip()[:80]
    may_try = desks.may_try(request.user, campaign)
    hard = previews.hardest(campaign, at=at) if may_try else []
    people = _people(request, campaign, hard, throw=throw, at=at) if may_try else []
    shown = previews.of(
        campaign, plans.snapshot(campaign, at=at), people, throw=throw, at=at, is_veiled=is_veiled(request)
    )
    asked = [one.pk for one in people]
    context = {
        "campaign": campaign,
        "may_try": may_try,
        "shown": shown,
        "asked": "&".join(f"client={one}" for one in asked),
        "picked": asked,
        "throw": throw,
        "next_throw": (throw + 1) % MOST_THROWS,
        "hard": hard,
        "q": words,
        "found": previews.search(words) if words and may_try else [],
        "compared": _compared(shown[:2]) if len(shown) > 1 else [],
        "view": "text" if request.GET.get("view") == "text" else "mail",
    }
    return page(request, "console/preview.html", context)


@require_safe
@needs("compliance.build_campaigns", "compliance.oversee")
@xframe_options_exempt
def campaign_preview_mail(request: HttpRequest, slug: str, client_id: int) -> HttpResponse:
    """One client's mail by itself, for a sandboxed frame. `frame-ancestors` says who may frame it."""
    campaign, at = get_object_or_404(desks.campaigns(request.user), slug=slug), now()
    if not desks.may_try(request.user, campaign):
        raise Http404("Whom this campaign would choose is for compliance officers.")
    client = get_object_or_404(Client, pk=client_id, merged_into__isnull=True, erased_at__isnull=True)
    plan = plans.snapshot(campaign, at=at)
    shown = previews.of(campaign, plan, [client], throw=_throw(request), at=at, is_veiled=is_veiled(request))[0]
    if shown.fault:
        raise Http404(shown.fault)
    answer = HttpResponse(shown.html)
    answer["Content-Security-Policy"] = MAIL_CSP.format(base=settings.PUBLIC_URL)
    answer["Cache-Control"] = "private, no-store"
    return answer


def is_veiled(request: HttpRequest) -> bool:
    """Whether texts are shown to this person without the values that officers, and those who read texts, may see."""
    return not any(request.user.has_perm(one) for one in (discretion.SEEN_BY, "compliance.review_texts"))


def _throw(request: HttpRequest) -> int:
    text = request.GET.get("throw", "")
    return int(text) if text.isdigit() and len(text) < 7 else 0


def _people(
    request: HttpRequest, campaign: Campaign, hard: list[tuple[str, Client]], *, throw: int, at: datetime
) -> list[Client]:
    asked = [int(one) for one in request.GET.getlist("client")[:10] if one.isdigit() and len(one) < 18]
    if asked:
        return previews.named(asked)
    if request.GET.get("who") == "hardest":
        return [client for _, client in hard][: previews.SIDE_BY_SIDE]
    return previews.at_random(campaign, throw=throw, at=at)


def _compared(pair: list[Preview]) -> list[tuple[str, list[tuple[str, str]]]]:
    """For each slot whose words differ: its name, and pieces ("", "ins" or "del", words) from first to second."""
    first, second = pair
    theirs = {one.slot: one for one in second.places}
    found = []
    for one in first.places:
        other = theirs.get(one.slot)
        if other is not None and other.words != one.words:
            found.append((one.label, _pieces(one.words.split(" "), other.words.split(" "))))
    return found


def _pieces(old: list[str], new: list[str]) -> list[tuple[str, str]]:
    matched = SequenceMatcher(None, old, new, autojunk=False)
    if matched.ratio() < ALIKE:
        return [("del", " ".join(old)), ("ins", " ".join(new))]
    pieces = []
    for tag, a, b, c, d in matched.get_opcodes():
        if tag == "equal":
            pieces.append(("", " ".join(old[a:b])))
            continue
        if a < b:
            pieces.append(("del", " ".join(old[a:b])))
        if c < d:
            pieces.append(("ins", " ".join(new[c:d])))
    return pieces
