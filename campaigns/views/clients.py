"""Clients: find one, and see everything we know of them on one page. Every look is written into the ledger."""

from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import desks, reasons
from campaigns.models import Message
from compliance import consent, ledger, searches
from compliance.models import Channel, Client, ConsentState, Preference, Purpose
from compliance.rights import joined
from compliance.web import needs, page
from personalize import declarations, discretion, profiles
from personalize.models import Declaration, Event, Identity, MergeRequest, Outcome

PAGE, EVENTS, MESSAGES = 50, 60, 30
ASKED = ((Purpose.MARKETING, Channel.EMAIL), (Purpose.PROFILING, Channel.ANY), (Purpose.MEASUREMENT, Channel.ANY))


@require_http_methods(["GET", "HEAD", "POST"])
@needs("compliance.build_campaigns", "compliance.oversee")
def clients(request: HttpRequest) -> HttpResponse:
    """The list, by the firm's key, address or name; paged by the last row seen, so that it is fast at any depth."""
    if sealed := searches.moved(request, ("q",)):
        return sealed
    asked = searches.asked(request, ("q",))
    q, after = asked.get("q", "").strip()[:254], asked.get("after", "")
    found = Client.objects.filter(merged_into=None, erased_at=None)
    if q:
        found = found.filter(
            Q(user_id__startswith=q)
            | Q(email__startswith=q.lower())
            | Q(last_name__iexact=q)
            | Q(first_name__iexact=q)
            | Q(pk__in=Identity.objects.filter(kind="user", value=q).values("client"))
        )
    if after.isdecimal() and len(after) < 19:
        found = found.filter(pk__gt=int(after))
    rows = list(found.order_by("pk")[: PAGE + 1])
    context = {"clients": rows[:PAGE], "q": q, "more": rows[PAGE - 1].pk if len(rows) > PAGE else None, "after": after}
    context["waiting"] = MergeRequest.objects.filter(state="waiting").count()
    return page(request, "console/clients.html", context, part="found")


@require_safe
@needs("compliance.build_campaigns", "compliance.oversee")
def client(request: HttpRequest, ref: UUID) -> HttpResponse:
    """Profile 360, by our own reference: the firm's key may be an address, and has no place in one of a page."""
    person = get_object_or_404(Client, ref=ref)
    if person.merged_into_id is not None:
        person = Client.objects.get(pk=joined.survivor(person.pk))
        return HttpResponseRedirect(reverse("client", args=[person.ref]))
    at, sees_all = now(), discretion.may_read_all(request.user)  # type: ignore[arg-type]
    told = {one.key: one for one in Declaration.objects.filter(client=person).order_by("declared_at")}
    known = [
        (one, one.origin == "declared" and declarations.is_stale(one.key, one.at, at=at))
        for one in profiles.known(person.pk, whole=sees_all)
    ]
    did = list(Event.objects.filter(client=person).select_related("source").order_by("-occurred_at", "-pk")[:EVENTS])
    if not sees_all:
        marked = discretion.marked()
        for event in did:
            event.properties = discretion.cleaned(event.properties, marked)
    context = {
        "client": person,
        "key": person.user_id or str(person.ref),
        "identities": Identity.objects.filter(client=person).select_related("source").order_by("at", "pk")[:100],
        "known": known,
        "declared": told,
        "answers": [
            (Purpose(purpose).label, Channel(channel).label, answer, consent.SENTENCES[answer.reason])
            for purpose, channel in ASKED
            for answer in [consent.may_send(person.pk, purpose=purpose, channel=channel, at=at)]
        ],
        "consents": ConsentState.objects.filter(client=person)
        .select_related("since__wording")
        .order_by("purpose", "channel"),
        "preference": Preference.objects.filter(client=person).first(),
        "events": did,
        "kept_back": discretion.SENTENCE,
        "received": _told(desks.veiled(request.user, _received(request, person))),
        "outcomes": Outcome.objects.filter(client=person).order_by("-at", "-pk")[:20],
        "merges": MergeRequest.objects.filter(Q(kept=person) | Q(absorbed=person))
        .select_related("kept", "absorbed", "decided_by")
        .order_by("-asked_at"),
    }
    ledger.record("client.viewed", by=request.user, at=at, about=f"client:{person.pk}", facts={"page": "profile"})
    return page(request, "console/client.html", context)


def _received(request: HttpRequest, person: Client) -> QuerySet[Message]:
    rows = desks.messages(request.user, Message.objects.filter(client=person))
    return rows.select_related("campaign", "variant").order_by("-decided_at", "-pk")[:MESSAGES]


def _told(received: list[Message]) -> list[Message]:
    """Each message with what became of it in words, as `told`."""
    for one in received:
        one.told = reasons.told(one)  # type: ignore[attr-defined]
    return received
