"""The client's own page: what we know, what they allow, what they wish. By signed link, without a password."""

import re
from datetime import date, datetime

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from compliance import consent, tokens
from compliance.acting import acting
from compliance.models import Asked, Client, Preference, Purpose, Topic, WishedHours
from compliance.rights import copylinks, requests
from compliance.tasks import mail_copy_link
from compliance.web import open_to_all
from personalize import features, profiles

LINK = "the client's own signed link is the key"
ASKED = {
    "rectification": "Correct what is wrong",
    "restriction": "Keep my data but stop using them",
    "erasure": "Erase what you know about me",
}
GPC_SINCE = "2026-11-01"  # when our support for the signal began
CADENCES = ((None, "As often as your rules allow"), (1, "At most one a week"), (2, "At most two a week"))
# The forms carry no session: whoever holds the link may act, and a link cannot be guessed. `no-referrer` on the page
# would also make browsers send "Origin: null", which Django's token check refuses.


@require_GET
@never_cache
@open_to_all(reason=LINK)
def portal(request: HttpRequest, token: str) -> HttpResponse:
    """Everything on one page. `Sec-GPC: 1` is honoured as soon as it is seen."""
    client, at = _client(token), now()
    if _asks_gpc(request):
        with acting(f"client:{client.pk}"):
            consent.gpc(client.pk, surface="portal", by=f"client:{client.pk}", at=at, evidence={"header": "Sec-GPC: 1"})
    lines = consent.matrix(client.pk, at)
    wishes = Preference.objects.filter(client=client).first()
    context = {
        "token": token,
        "client": client,
        "at": at,
        "saved": request.GET.get("saved", ""),
        "lines": [one for one in lines if one.version and one.purpose != Purpose.SERVICE],
        "others": [one for one in lines if not one.version or one.purpose == Purpose.SERVICE],
        "known": [one for one in profiles.known(client.pk) if one.is_used],
        "uses": _uses(),
        "wishes": wishes,
        "declined": wishes.topics_declined if wishes else [],
        "off": {words for words, codes in _uses().items() if wishes and codes & set(wishes.signals_off)},
        "cadences": CADENCES,
        "hours": WishedHours.choices,
        "asked": Asked.objects.filter(client=client).order_by("-received_at")[:10],
        "asks": list(ASKED.items()),
        "topics": Topic.objects.order_by("name"),
        "gpc": consent.gpc_since(client.pk),
        "gpc_now": _asks_gpc(request),
    }
    return render(request, "portal/portal.html", context)


@csrf_exempt
@require_POST
@open_to_all(reason=LINK)
def portal_consents(request: HttpRequest, token: str) -> HttpResponse:
    """Say yes or no to one question, or object to everything; in force before the answer."""
    client, at, form = _client(token), now(), request.POST
    by = f"client:{client.pk}"
    one = {"surface": "portal", "mechanism": "button", "by": by, "at": at}
    with acting(by):
        if form.get("answer") == "stop_everything":
            consent.object_to_marketing(client.pk, **one)
            return _back(token, "consents")
        line = next((line for line in consent.matrix(client.pk, at) if _names(line, form)), None)
        if line is None:
            return HttpResponseBadRequest("There is no such question.")
        question = {"purpose": line.purpose, "channel": line.channel, **one}
        if form.get("answer") == "yes" and line.version:
            consent.grant(client.pk, wording=line.version, evidence={"page": "portal"}, **question)
        elif form.get("answer") == "no":
            (consent.withdraw if line.event else consent.refuse)(client.pk, **question)
        else:
            return HttpResponseBadRequest("Please answer yes or no.")
    return _back(token, "consents")


@csrf_exempt
@require_POST
@open_to_all(reason=LINK)
def portal_preferences(request: HttpRequest, token: str) -> HttpResponse:
    """Keep how often, when, a pause, topics to leave out, and what not to use; in force before the answer."""
    client, at, form = _client(token), now(), request.POST
    often, pause = form.get("max_per_week", ""), _day(form.get("pause_until", ""))
    by = f"client:{client.pk}"
    with acting(by), transaction.atomic():
        consent.prefer(
            client.pk,
            by=by,
            at=at,
            max_per_week=int(often) if re.fullmatch(r"[1-7]", often) else None,
            pause_until=pause,
            hours=hours if (hours := form.get("hours", "")) in WishedHours.values else "",
            topics_declined=Topic.objects.filter(code__in=form.getlist("topics_declined")).values_list(
                "code", flat=True
            ),
            signals_off=set[str]().union(*(_uses().get(words, set()) for words in form.getlist("signals_off"))),
        )
        profiles.mark_stale([client.pk])
    return _back(token, "preferences")


@csrf_exempt
@require_POST
@open_to_all(reason=LINK)
def portal_ask(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for a correction, that we stop using the data, or to be erased; people answer within the law's time."""
    client, form = _client(token), request.POST
    by = f"client:{client.pk}"
    if form.get("kind") not in ASKED:
        return HttpResponseBadRequest("There is no such request.")
    with acting(by):
        requests.receive(client.pk, form["kind"], came_by="portal", words=form.get("words", "")[:4000], by=by, at=now())
    return _back(token, "rights")


@csrf_exempt
@require_POST
@open_to_all(reason=LINK)
def portal_copy(request: HttpRequest, token: str) -> HttpResponse:
    """Have a fresh link to a copy of everything mailed to the client's address: this link alone proves too little."""
    client = _client(token)
    with acting(f"client:{client.pk}"), transaction.atomic():
        if link := copylinks.ask(client.pk, at=now()):
            mail_copy_link.delay_on_commit(link_id=link.pk)
    return _back(token, "copy")


@require_GET
@open_to_all(reason="the Global Privacy Control standard asks for it")
def gpc_support(request: HttpRequest) -> HttpResponse:
    """That we honour the signal. Source: Global Privacy Control, W3C, section 4."""
    return JsonResponse({"gpc": True, "lastUpdate": GPC_SINCE})


def _client(token: str) -> Client:
    named = tokens.read("portal", token)
    client = Client.objects.filter(ref=named.ref, erased_at=None).first() if named else None
    while client is not None and client.merged_into_id is not None:
        client = Client.objects.get(pk=client.merged_into_id)
    if client is None:
        raise Http404("This link is not one of ours.")
    return client


def _asks_gpc(request: HttpRequest) -> bool:
    """Whether one of the request's Sec-GPC headers is exactly 1; any other value is ignored."""
    return "1" in [one.strip() for one in request.headers.get("Sec-GPC", "").split(",")]


def _uses() -> dict[str, set[str]]:
    """What a client may switch off, in words they know, and the features each of these stands for."""
    found: dict[str, set[str]] = {}
    for one in features.registry():
        if one.purpose == Purpose.PROFILING:
            said = one.client_words
            words = said.removeprefix("of ") if said.startswith("of ") else f"that {said}"
            found.setdefault(words, set()).add(one.code)
    return found


def _names(line: consent.Line, form: dict[str, str]) -> bool:
    return line.purpose == form.get("purpose") and line.channel == form.get("channel")


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date() if text else None  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None


def _back(token: str, section: str) -> HttpResponse:
    answer = redirect("portal", token)
    answer["Location"] += f"?saved={section}#{section}"
    answer.status_code = 303
    return answer
