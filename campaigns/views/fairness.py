"""The board of fairness and wellbeing: what was found, from where to the messages behind it, and the stop."""

from collections import defaultdict
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from campaigns import charts
from campaigns.fairness import guard, measures, offers, reports, said, slices
from campaigns.fairness.exposures import ROLLING
from campaigns.models import BlockVersion, Campaign, FairnessReport, OfferKind
from campaigns.provider import watch
from compliance import groups, stops
from compliance.models import Stop, StopScope
from compliance.web import answer, needs, page
from personalize.learn.fairness import Kind
from personalize.models import Artefact

OVERSEE = "compliance.oversee"
SHOWN = 100
BADGE = {"pass": "ok", "warn": "warn", "not_enough": "muted", "fail": "bad"}
TONES = ("1", "2", "3")
TOLD = {"pass": "Alike", "warn": "Look closer", "not_enough": "Not enough data", "fail": "Unlike"}


@require_safe
@needs(OVERSEE)
def fairness(request: HttpRequest) -> HttpResponse:
    """The newest report of every campaign, the gravest first."""
    newest = FairnessReport.objects.order_by("campaign_id", "-made_at", "-pk").distinct("campaign_id")
    listed = list(newest.filter(campaign__isnull=False).select_related("campaign"))
    order = ["fail", "not_enough", "warn", "pass"]
    listed.sort(key=lambda one: (order.index(one.verdict), -one.made_at.timestamp()))
    context = {
        "reports": [(one, TOLD[one.verdict], BADGE[one.verdict]) for one in listed[:SHOWN]],
        "campaigns": Campaign.objects.filter(runs__isnull=False).distinct().order_by("name")[:SHOWN],
    }
    return page(request, "compliance/fairness.html", context)


@require_POST
@needs(OVERSEE)
def fairness_measure(request: HttpRequest) -> HttpResponse:
    """Compare what a campaign showed in the last 28 days, now."""
    campaign = get_object_or_404(Campaign, slug=request.POST.get("campaign", ""))
    at = now()
    made = reports.of_campaign(campaign, since=at - ROLLING, until=at, by=request.user, at=at)  # type: ignore[arg-type]
    return answer(
        request, "compliance/fairness_report.html", _context(made), part="report", then="fairness_report",
        then_args=(made.pk,),
    )  # fmt: skip


@require_safe
@needs(OVERSEE)
def fairness_report(request: HttpRequest, report_id: int) -> HttpResponse:
    """One report: every comparison with its interval and size, how clients fare, and what may be stopped."""
    made = get_object_or_404(FairnessReport.objects.select_related("campaign", "artefact"), pk=report_id)
    return page(request, "compliance/fairness_report.html", _context(made))


@require_safe
@needs(OVERSEE)
def fairness_finding(request: HttpRequest, report_id: int, attribute: str, measure: str) -> HttpResponse:
    """One measure of a report by one attribute: each group by week, market and language, and what may be stopped."""
    made = get_object_or_404(FairnessReport.objects.select_related("campaign", "artefact"), pk=report_id)
    found = [one for one in made.findings if (one["attribute"], one["measure"]) == (attribute, measure)]
    if not found:
        raise Http404("Nothing was compared by this.")
    is_followed = measure in slices.TOLD
    cut = slices.tables(made, attribute, measure) if is_followed else []
    is_share = measure not in slices.COUNTED
    weeks = next((one for one in cut if one.name == "Week"), None)
    estimates = [
        charts.Estimate(f"{column}, {group}", one.value or 0.0, one.low, one.high, TONES[place % len(TONES)])
        for column, group, one, place in (slices.drawn(weeks) if weeks else ())
    ]
    is_good = measures.BY_KEY[measure].kind in (Kind.GOOD, Kind.GAP) or measure == "term"  # a long one is better
    context = {
        **_offered_to_stop(made),
        "report": made,
        "attribute": attribute,
        "label": measures.LABELS[measure],
        "unit": slices.UNITS.get(measure, ""),
        "is_share": is_share,
        "findings": [(one, TOLD[one["verdict"]], BADGE[one["verdict"]], said.finding(one)) for one in found],
        "said": said.weeks(weeks, is_good=is_good, is_share=is_share) if weeks else [],
        "tables": cut,
        "forest": charts.forest(estimates, is_share=is_share) if estimates else None,
        "is_followed": is_followed,
        "is_proxy": found[0]["is_proxy"],
        "few": groups.FEW,
        "numbers": slices.sample(made, measure) if is_followed and request.user.is_officer else None,
    }
    return page(request, "compliance/fairness_finding.html", context)


@require_POST
@needs(OVERSEE)
def fairness_stop(request: HttpRequest, report_id: int) -> HttpResponse:
    """Stop the report's campaign, or one of its blocks; 422 without a reason, 409 when it is stopped already."""
    made = get_object_or_404(FairnessReport.objects.select_related("campaign", "artefact"), pk=report_id)
    scope, _, target = request.POST.get("what", "").partition(":")
    status, refused = 200, ""
    try:
        if (scope, target) not in {(one, name) for one, name, _ in _stoppable(made)}:
            raise stops.BadSwitch("Choose what to stop.")
        stops.throw(scope, target, reason=request.POST.get("reason", ""), by=request.user, at=now())  # type: ignore[arg-type]
        messages.success(request, "Stopped. Two people have to let it go on.")
    except stops.BadSwitch as bad:
        status, refused = 422, str(bad)
    except stops.AlreadyThrown:
        status, refused = 409, "This is stopped already."
    context = {**_context(made), "refused": refused}
    return answer(
        request, "compliance/fairness_report.html", context, part="report", then="fairness_report",
        then_args=(report_id,), status=status,
    )  # fmt: skip


@require_POST
@needs(OVERSEE)
def fairness_offer(request: HttpRequest, report_id: int) -> HttpResponse:
    """Say what one block of the report's campaign offers; 422 when it cannot be so, 409 when it was said."""
    made = get_object_or_404(FairnessReport.objects.select_related("campaign", "artefact"), pk=report_id)
    form, status, refused = request.POST, 200, ""
    try:
        numbers = {name: _number(form.get(name, "")) for name in ("fee_bps", "term_days")}
        version = _number(form.get("version", "")) or 0
        offers.say(version, kind=form.get("kind", ""), by=request.user, at=now(), **numbers)  # type: ignore[arg-type]
        messages.success(request, "Kept. The next comparison counts it.")
    except offers.BadOffer as bad:
        status, refused = 422, str(bad)
    except offers.AlreadySaid:
        status, refused = 409, "What this version offers was said before."
    context = {**_context(made), "refused": refused}
    return answer(
        request, "compliance/fairness_report.html", context, part="report", then="fairness_report",
        then_args=(report_id,), status=status,
    )  # fmt: skip


def _number(given: str) -> int | None:
    if not given.strip():
        return None
    if not given.strip().isdecimal() or len(given) > 9:
        raise offers.BadOffer(f"“{given[:20]}” is no whole number.")
    return int(given)


def _context(made: FairnessReport) -> dict[str, Any]:
    by_attribute: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in made.findings:
        told = {"label": measures.LABELS[one["measure"]], "words": TOLD[one["verdict"]], "badge": BADGE[one["verdict"]]}
        by_attribute[one["attribute"]].append({**one, **told})
    blocks = _blocks(made)
    return {
        "report": made,
        "sentence": reports.WORDS[made.verdict],
        "badge": BADGE[made.verdict],
        "attributes": sorted(by_attribute.items()),
        "harms": [(one, watch.SENTENCES[one.kind]) for one in guard.harms(made.campaign_id, at=made.until)]
        if made.campaign_id
        else [],
        "blocks": blocks,
        "silent": [one for one in blocks if not hasattr(one, "offer")],
        "kinds": OfferKind.choices,
        "refused": "",
        **_offered_to_stop(made),
    }


def _offered_to_stop(made: FairnessReport) -> dict[str, Any]:
    thrown = {f"{scope}:{target}" for scope, target in Stop.objects.thrown().values_list("scope", "target")}
    return {"stoppable": [(f"{scope}:{target}", words, f"{scope}:{target}" in thrown)
                          for scope, target, words in _stoppable(made)]}  # fmt: skip


def _blocks(made: FairnessReport) -> list[BlockVersion]:
    found = BlockVersion.objects.filter(uses__campaign=made.campaign_id).select_related("block", "offer").distinct()
    return list(found.order_by("block__name", "number")) if made.campaign_id else []


def _stoppable(made: FairnessReport) -> list[tuple[str, str, str]]:
    """(scope, target, words) of what a switch can stop here."""
    if made.artefact_id:
        return [(StopScope.MODEL, str(made.artefact_id), "The model: rules choose")]
    assert made.campaign is not None
    blocks = sorted({(one.block.slug, one.block.name) for one in _blocks(made)})
    chose = made.campaign.messages.order_by().exclude(artefact=None).filter(decided_at__lte=made.until)
    models = Artefact.objects.filter(pk__in=chose.values("artefact")).order_by("pk")
    found: list[tuple[str, str, str]] = [(StopScope.CAMPAIGN, made.campaign.slug, "The whole campaign")]
    found += [(StopScope.BLOCK, slug, f"The block “{name}”") for slug, name in blocks]
    return found + [(StopScope.MODEL, str(one.pk), f"Model version {one.version}: rules choose") for one in models]
