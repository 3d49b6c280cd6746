"""A client's own copy: by the button on their page, and at the officer's request desk."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from campaigns import copies
from compliance import step_up, tokens
from compliance.acting import acting
from compliance.models import Asked, Client
from compliance.web import needs, open_to_all


@csrf_exempt  # the form carries no session: the link is the key, as on the page it stands on
@require_POST
@never_cache
@open_to_all(reason="the client's own signed link is the key")
def own_copy(request: HttpRequest, token: str) -> HttpResponse:
    """Hand the client everything we hold about them, at once."""
    named = tokens.read("portal", token)
    person = Client.objects.filter(ref=named.ref, erased_at=None).first() if named else None
    if person is None:
        raise Http404("This link is not one of ours.")
    with acting(f"client:{person.pk}"):
        return _zip(copies.make(person.pk, by=f"client:{person.pk}", at=now()))


@require_POST
@needs("compliance.oversee")
def asked_copy(request: HttpRequest, asked_id: int) -> HttpResponse:
    """Hand the officer the copy that a client asked for; who took it is in the ledger."""
    found = get_object_or_404(Asked, pk=asked_id, kind__in=(Asked.Kind.ACCESS, Asked.Kind.PORTABILITY))
    if asked := step_up.ask(request):
        return asked
    return _zip(copies.make(found.client_id, by=request.user, at=now()))  # type: ignore[arg-type]


def _zip(content: bytes) -> HttpResponse:
    return HttpResponse(
        content,
        content_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="what-we-hold-about-you.zip"'},
    )
