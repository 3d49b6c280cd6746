"""What a client's mail leads to: the open pixel, links, unsubscribe, and why."""

import base64

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import explanations, tracking
from campaigns.models import Message
from compliance import tokens
from compliance.web import acting, open_to_all

GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


@open_to_all(reason="mail programs fetch it; it always answers the same picture")
@never_cache
@require_safe
def opened(request: HttpRequest, token: str) -> HttpResponse:
    """The open pixel: the same picture for every token, true or forged."""
    named = tokens.read("open", token)
    if named is not None:
        with acting("public:pixel"):
            visitor = tracking.Visitor.of(request.headers, method=request.method or "")
            tracking.opened(named.ref, visitor=visitor, at=now())
    return HttpResponse(GIF, content_type="image/gif")


@open_to_all(reason="links in mails; they lead only where the approved words lead")
@never_cache
@require_safe
def clicked(request: HttpRequest, token: str) -> HttpResponse:
    """Redirect to the link that was in the approved words; 404 for anything else."""
    named = tokens.read("click", token)
    if named is None:
        raise Http404
    with acting("public:click"):
        visitor = tracking.Visitor.of(request.headers, method=request.method or "")
        target = tracking.clicked(named.ref, named.number, visitor=visitor, at=now())
    if target is None:
        raise Http404
    return HttpResponseRedirect(target)


# RFC 8058: the POST carries no cookies, so no CSRF token; it must not redirect and must act at once.
@open_to_all(reason="RFC 8058: one click, no login; the signed token names the message")
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows what will stop and changes nothing; POST stops it before it answers."""
    named = tokens.read("unsubscribe", token)
    message = named and Message.objects.select_related("campaign", "client").filter(pk=named.ref).first()
    if not message:
        raise Http404
    at, done = now(), False
    if request.method == "POST":
        one_click = request.POST.get("List-Unsubscribe") == "One-Click"
        with acting(f"client:{message.client_id}"):
            tracking.unsubscribed(message.pk, mechanism="one_click" if one_click else "button", at=at)
        done = True
    context = {
        "done": done,
        "at": at,
        "channel": message.get_channel_display(),
        "portal": tokens.make("portal", message.client.ref),
    }
    return render(request, "public/unsubscribe.html", context)


@open_to_all(reason="the client's own explanation; the signed token names the message")
@never_cache
@require_safe
def why(request: HttpRequest, token: str) -> HttpResponse:
    """Why this client got this message, in plain words, and how to change it."""
    named = tokens.read("why", token)
    if named is None:
        raise Http404
    query = Message.objects.select_related("campaign", "client", "variant", "run", "artefact")
    message = get_object_or_404(query, pk=named.ref)
    context = {
        "message": message,
        "because": explanations.for_client(message),
        "portal": tokens.make("portal", message.client.ref),
        "unsubscribe": tokens.make("unsubscribe", message.pk),
    }
    return render(request, "public/why.html", context)
