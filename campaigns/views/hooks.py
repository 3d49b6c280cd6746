"""The doors by which mail providers tell us what became of mails. Shut until a secret is set."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.timezone import now
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from campaigns.provider import esp, events, generic, signing
from compliance.web import acting, open_to_all

MOST_BYTES = 1_000_000


@csrf_exempt
@require_POST
@open_to_all(reason="a provider has no sign-in; the notice itself is signed")
def mail_notices(request: HttpRequest) -> JsonResponse:
    """Notices signed as Standard Webhooks are: 401 for a wrong signature, 400 for the unreadable, 404 when shut."""
    if not settings.MAIL_WEBHOOK_SECRETS:
        raise Http404
    at, sent = now(), request.headers
    try:
        body = _body(request)
        signing.verify(
            settings.MAIL_WEBHOOK_SECRETS,
            id=sent.get("webhook-id", ""),
            seconds=sent.get("webhook-timestamp", ""),
            signatures=sent.get("webhook-signature", ""),
            body=body,
            at=at,
        )
        return _taken(generic.read(body, webhook_id=sent["webhook-id"]), at=at)
    except signing.BadSignature as bad:
        return JsonResponse({"error": str(bad)}, status=401)
    except generic.Unreadable as bad:
        return JsonResponse({"error": str(bad)}, status=400)
    except RequestDataTooBig:
        return JsonResponse({"error": "The notice is too big."}, status=413)


@csrf_exempt
@require_POST
@open_to_all(reason="a provider has no sign-in; django-anymail checks its password and signature")
def anymail_notices(request: HttpRequest, provider: str) -> JsonResponse:
    """Notices of the one provider that is set up; 404 for any other, 401 without its password and signature."""
    if provider != settings.MAIL_PROVIDER or provider not in esp.VIEWS or not settings.ANYMAIL["WEBHOOK_SECRET"]:
        raise Http404
    at = now()
    try:
        _body(request)
        return _taken(esp.read(provider, request, at=at), at=at)
    except esp.NotFromThem:
        return JsonResponse({"error": "This is not from the provider."}, status=401)
    except esp.Unreadable:
        return JsonResponse({"error": "This notice cannot be read."}, status=400)
    except RequestDataTooBig:
        return JsonResponse({"error": "The notice is too big."}, status=413)


def _body(request: HttpRequest) -> bytes:
    if int(request.headers.get("Content-Length") or 0) > MOST_BYTES:
        raise RequestDataTooBig
    return request.body


def _taken(notices: Iterable[events.Notice], *, at: datetime) -> JsonResponse:
    """How many notices there were, by what they changed; a repeated one changes nothing."""
    with acting("system:provider"):
        outcomes = Counter(str(events.take(one, at=at)) for one in notices)
    return JsonResponse({"taken": dict(sorted(outcomes.items()))})
