"""The officers' pages of what keeps clients safe: who is to be spared, certificates, and what call registers said.

They are for officers alone: an administrator oversees, but neither decides nor reads what is sealed.
"""

from datetime import date
from functools import wraps
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from compliance import certificates, ledger, step_up, vulnerability
from compliance.models import CallScreening, Certificate, Client, Staff, Vulnerability
from compliance.rights import joined
from compliance.web import View, needs, page

OVERSEE = "compliance.oversee"
LIST, ONE = "safeguards/spared.html", "safeguards/client.html"
STEPS = ("review", "ask-end", "end")
PAST = 50


def officers_alone(view: View) -> View:
    """Let compliance officers in; 403 for everybody else, administrators too."""

    @needs(OVERSEE)
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not vulnerability.may(_staff(request)):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded


@require_GET
@never_cache
@officers_alone
def spared(request: HttpRequest) -> HttpResponse:
    """Notes whose day of review has come, oldest first, and how many protect in all. What they say is on each page."""
    at = now()
    due = Vulnerability.objects.overdue(at.date()).select_related("client", "noted_by").order_by("review_on", "pk")
    context = {
        "due": due[:PAST], "number": due.count(), "protecting": Vulnerability.objects.protecting().count(),
        "asked": Vulnerability.objects.protecting().exclude(end_asked_by=None)
        .select_related("client", "end_asked_by").order_by("end_asked_at", "pk")[:PAST],
    }  # fmt: skip
    return page(request, LIST, context)


@require_GET
@never_cache
@officers_alone
def of(request: HttpRequest, ref: UUID) -> HttpResponse:
    """One client's safeguards; that an officer looked is in the ledger."""
    return _shown(request, _client(ref))


@require_POST
@never_cache
@officers_alone
def note(request: HttpRequest, ref: UUID) -> HttpResponse:
    """Note that the client is to be spared, in force at once."""
    client, form, at = _client(ref), request.POST, now()
    try:
        vulnerability.note(
            client.pk, form.get("kind", ""), words=form.get("words", "")[:4000], source=form.get("source", ""),
            ground=form.get("ground", ""), review_on=_day(form.get("review_on", "")), by=_staff(request), at=at,
        )  # fmt: skip
    except vulnerability.BadNote as why:
        return _refused(request, client, str(why), 422)
    except vulnerability.NotYours as why:
        return _refused(request, client, str(why), 403)
    return redirect("safeguards", client.ref)


@require_POST
@never_cache
@officers_alone
def step(request: HttpRequest, note_id: int, verb: str) -> HttpResponse:
    """One step of a note: review, ask-end, end."""
    found = get_object_or_404(Vulnerability.objects.select_related("client"), pk=note_id)
    if verb not in STEPS:
        raise Http404
    if proof := step_up.ask(request):
        return proof
    form, at, by = request.POST, now(), _staff(request)
    try:
        if verb == "review":
            vulnerability.review(found.pk, review_on=_day(form.get("review_on", "")), by=by, at=at)
        elif verb == "ask-end":
            vulnerability.ask_end(found.pk, why=form.get("why", ""), by=by, at=at)
        else:
            vulnerability.end(found.pk, by=by, at=at)
    except vulnerability.BadNote as why:
        return _refused(request, found.client, str(why), 422)
    except vulnerability.NotYours as why:
        return _refused(request, found.client, str(why), 403)
    except vulnerability.AlreadyDone:
        return _refused(request, found.client, "Someone did this first. Please read it again.", 409)
    return redirect("safeguards", found.client.ref)


@require_POST
@never_cache
@officers_alone
def certify(request: HttpRequest, ref: UUID) -> HttpResponse:
    """Write a certificate down."""
    client, form = _client(ref), request.POST
    try:
        certificates.record(
            client.pk, form.get("kind", ""), signed_on=_day(form.get("signed_on", "")),
            until=_day(form.get("until", "")), evidence=form.get("evidence", ""), by=_staff(request), at=now(),
        )  # fmt: skip
    except (certificates.BadCertificate, vulnerability.BadNote) as why:
        return _refused(request, client, str(why), 422)
    return redirect("safeguards", client.ref)


@require_POST
@never_cache
@officers_alone
def uncertify(request: HttpRequest, certificate_id: int) -> HttpResponse:
    """Take a certificate back; once more changes nothing."""
    found = get_object_or_404(Certificate.objects.select_related("client"), pk=certificate_id)
    certificates.end(found.pk, by=_staff(request), at=now())
    return redirect("safeguards", found.client.ref)


def _staff(request: HttpRequest) -> Staff:
    return request.user  # type: ignore[return-value]


def _client(ref: UUID) -> Client:
    found = get_object_or_404(Client, ref=ref, erased_at=None)
    return Client.objects.get(pk=joined.survivor(found.pk))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise vulnerability.BadNote("Write days as dates, such as 2027-03-01.") from None


def _refused(request: HttpRequest, client: Client, problem: str, status: int) -> HttpResponse:
    return _shown(request, client, status=status, problem=problem, form=request.POST)


def _shown(request: HttpRequest, client: Client, *, status: int = 200, **more: Any) -> HttpResponse:
    """The page with its notes opened, never without a line in the ledger that this person looked."""
    ledger.record(
        "client.viewed", by=_staff(request), at=now(), about=f"client:{client.pk}", facts={"page": "safeguards"}
    )
    return page(request, ONE, _one(client) | more, status=status)


def _one(client: Client) -> dict[str, Any]:
    today, people = now().date(), joined.everyone([client.pk])
    notes = vulnerability.told(client.pk)
    return {
        "client": client,
        "today": today,
        "notes": notes,
        "asked": {one.note.pk for one in notes if vulnerability.is_asked(one.note)},
        "kinds": list(vulnerability.KINDS.items()),
        "sources": Vulnerability.Source.choices,
        "grounds": Vulnerability.Ground.choices,
        "reasons": Vulnerability.Why.choices,
        "certificates": Certificate.objects.filter(client__in=people).select_related("recorded_by", "ended_by")
        .order_by("-signed_on", "-pk"),
        "certificate_kinds": Certificate.Kind.choices,
        "screenings": CallScreening.objects.filter(client__in=people).order_by("-screened_on", "-pk")[:PAST],
        "form": {},
    }  # fmt: skip
