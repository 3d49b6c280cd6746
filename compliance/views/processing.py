"""The record of processing on a page: each purpose's record and where it stands, each table and why, and a form."""

from datetime import date
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_safe

from compliance import review
from compliance.models import Jurisdiction, LawfulBasis, Purpose, PurposeRecord, ReviewItem
from compliance.processing import records
from compliance.processing import register as art30
from compliance.web import needs, page

SEES = ("compliance.oversee", "compliance.build_campaigns")
ALL, ONE = "processing/register.html", "processing/record.html"
HEADINGS = {
    "processing": "What is done (Art. 30)",
    "interest": "Legitimate interest, where it is the ground (Art. 6(1)(f))",
    "impact": "Impact assessment (Art. 35)",
}


@require_safe
@needs(*SEES)
def register(request: HttpRequest) -> HttpResponse:
    """Every purpose and every table."""
    at = now()
    rows = list(PurposeRecord.objects.select_related("author").order_by("purpose", "-version"))
    standing = review.standing([one.digest for one in rows], at=at)
    items = dict(ReviewItem.objects.filter(digest__in=[one.digest for one in rows]).values_list("digest", "pk"))
    versions: dict[str, list[tuple[PurposeRecord, str, int | None]]] = {code: [] for code in Purpose.values}
    for one in rows:
        versions[one.purpose].append((one, standing.get(one.digest, ""), items.get(one.digest)))
    context = {
        "at": at,
        "usable": records.usable(at=at),
        "purposes": [(code, Purpose(code).label, found) for code, found in versions.items()],
        "tables": art30.tables(),
    }
    return page(request, ALL, context)


@require_http_methods(["GET", "POST"])
@needs(*SEES)
def record(request: HttpRequest, purpose: str) -> HttpResponse:
    """One purpose's record as it reads now, as a form for the next version; 422 with what it lacks."""
    if purpose not in Purpose.values:
        raise Http404
    if request.method != "POST":
        newest = PurposeRecord.objects.filter(purpose=purpose).order_by("-version").first()
        return page(request, ONE, _form(purpose, newest.facts if newest else records.SHIPPED[purpose], ""))
    form = request.POST
    facts = {
        name: {key: form.get(f"{name}-{key}", "").strip()[:4000] for key in keys}
        for name, keys in records.SECTIONS.items()
    }
    facts["bases"] = {place: form.get(f"basis-{place}", "")[:20] for place in Jurisdiction.values}
    until = form.get("until", "")
    try:
        day = _day(until)
        made = records.propose(purpose, facts, until=day, by=request.user, at=now())  # type: ignore[arg-type]
    except records.BadRecord as bad:
        return page(request, ONE, _form(purpose, facts, until) | {"problem": str(bad)}, status=422)
    stands = "says the same and stands" if made.stands_until else "waits for two people, one of them an officer"
    messages.success(request, f"Version {made.version} {stands}.")
    return redirect("processing")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise records.BadRecord("Write the day of its review as a date, such as 2027-03-01.") from None


def _form(purpose: str, facts: dict[str, Any], until: str) -> dict[str, Any]:
    sections = [
        (HEADINGS[name], [(f"{name}-{key}", words, facts.get(name, {}).get(key, "")) for key, words in keys.items()])
        for name, keys in records.SECTIONS.items()
    ]
    bases = [(place, label, facts.get("bases", {}).get(place, "")) for place, label in Jurisdiction.choices]
    return {
        "purpose": purpose,
        "name": Purpose(purpose).label,
        "sections": sections,
        "bases": bases,
        "grounds": LawfulBasis.choices,
        "until": until,
    }
