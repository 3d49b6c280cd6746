"""A client's own copy: by a fresh link that was mailed to them, and at the officer's request desk."""

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import copies
from compliance import step_up
from compliance.acting import acting
from compliance.models import Asked
from compliance.rights import copylinks, requests
from compliance.views import rights
from compliance.web import needs, open_to_all


@csrf_exempt  # the form carries no session: the mailed link is the key
@require_http_methods(["GET", "POST"])
@never_cache
@open_to_all(reason="the mailed link is the key, once and for half an hour")
def own_copy(request: HttpRequest, secret: str) -> HttpResponse:
    """Show the button; on POST hand the client everything we hold about them, and the link opens nothing any more."""
    at = now()
    found = copylinks.find(secret, at=at)
    if found is None or request.method == "GET":
        return render(request, "portal/copy.html", {"good": found is not None}, status=404 if found is None else 200)
    try:
        with acting(f"client:{found.client_id}"), transaction.atomic():
            client_id = copylinks.use(secret, at=at)
            return _zip(copies.make(client_id, by=f"client:{client_id}", at=at))
    except copylinks.NoLink:  # the same link was used meanwhile
        return render(request, "portal/copy.html", {"good": False}, status=404)


@require_POST
@needs("compliance.oversee")
def asked_copy(request: HttpRequest, asked_id: int) -> HttpResponse:
    """Hand the officer the copy that a client asked for, once it is known to be them; the ledger says who took it."""
    found = get_object_or_404(Asked, pk=asked_id, kind__in=(Asked.Kind.ACCESS, Asked.Kind.PORTABILITY))
    if asked := step_up.ask(request):
        return asked
    try:
        with transaction.atomic():
            person = requests.may_hand_over(found.pk).client_id
            return _zip(copies.make(person, by=request.user, at=now()))  # type: ignore[arg-type]
    except requests.BadRequestOfRights as why:
        return rights.refused(request, found, str(why), status=422)
    except requests.AlreadyClosed:
        return rights.refused(request, found, "This request is closed. No copy is handed out under it.", status=409)


def _zip(content: bytes) -> HttpResponse:
    return HttpResponse(
        content,
        content_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="what-we-hold-about-you.zip"'},
    )
