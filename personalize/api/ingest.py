"""Segment's HTTP tracking API, and RudderStack's extras. Plain Django views: this is the busiest door we have.

200 once durable, 400 only for bad JSON or size, 401 for a wrong key, 429 with Retry-After when the database has no
room. Labels (content type, encoding) are never a reason to refuse.
"""

import base64
import binascii
import hashlib
import logging
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.utils.timezone import now
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from compliance.web import open_to_all
from personalize import events, ingest
from personalize.bulk import events as rows
from personalize.models import EventType, Source

log = logging.getLogger(__name__)
LETTERS = {"i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias", "b": None}
BATCHES = ("batch", "import")
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
RETRY_AFTER_S = 2
KEYED = open_to_all(reason="sources sign in with their write key")


@csrf_exempt
@KEYED
def call(request: HttpRequest, kind: str) -> HttpResponse:
    """POST /v1/{identify,track,…,batch}, its single-letter form, and the beacon."""
    if request.method == "OPTIONS":
        return _open_to_browsers(HttpResponse(status=204))
    if request.method != "POST":
        return _open_to_browsers(HttpResponse(status=405, headers={"Allow": "POST, OPTIONS"}))
    named = LETTERS.get(kind, None if kind in BATCHES else kind)
    try:
        body = request.body
    except RequestDataTooBig:
        return _said(400, f"larger than {ingest.LARGEST_BODY} bytes")
    except UnreadablePostError:
        return _said(400, "the body was cut short")
    return _take(request, body, named)


@require_safe
@KEYED
def pixel(request: HttpRequest, kind: str) -> HttpResponse:
    """GET /v1/pixel/{…}?data=<base64 JSON>: always 200 and a 1 × 1 GIF, whatever was wrong."""
    given = request.GET.get("data", "")
    try:
        body = base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_" if set("-_") & set(given) else None)
    except (binascii.Error, ValueError):
        body = b""
    if body and kind in EventType.values:
        answer = _take(request, body, kind)
        if answer.status_code != 200:
            log.info("ingest.pixel_refused", extra={"status": answer.status_code})
    return HttpResponse(GIF, content_type="image/gif", headers={"Cache-Control": "no-store"})


@require_safe
@KEYED
def project(request: HttpRequest, write_key: str) -> HttpResponse:
    """GET /v1/projects/<writeKey>/settings, which analytics.js asks for before its first call."""
    if _source(write_key) is None:
        return _open_to_browsers(JsonResponse({"message": "unknown write key"}, status=404))
    here = urlsplit(settings.PUBLIC_URL)
    destination = {"apiKey": write_key, "apiHost": f"{here.netloc}/v1", "protocol": here.scheme}
    plan = {"track": {"__default": {"enabled": True}}}
    return _open_to_browsers(JsonResponse({"integrations": {"Segment.io": destination}, "plan": plan}))


@require_safe
@KEYED
def health(request: HttpRequest) -> HttpResponse:
    """GET /health and /version, which RudderStack's SDKs and probes ask for."""
    return JsonResponse({"appType": "GATEWAY", "server": "UP", "version": "1"})


def _take(request: HttpRequest, body: bytes, kind: str | None) -> HttpResponse:
    at = now()
    try:
        parsed = ingest.parse(body, request.headers, kind=kind, at=at, query_key=request.GET.get("writeKey", ""))
    except ingest.Refused as error:
        return _said(400, str(error))
    try:
        if _kept_shortly(parsed, at=at):
            return _open_to_browsers(JsonResponse({"success": True}))
        source = _source(parsed.write_key)
        if source is None:
            return _said(401, "unknown write key")
        kept = events.ingest(source, parsed.items, at=at, rejected=parsed.rejected)
    except OperationalError:
        log.warning("ingest.no_room", exc_info=True)
        busy = _said(429, "no room just now; please send it again")
        busy["Retry-After"] = str(RETRY_AFTER_S)
        return busy
    if kept.kept + kept.repeated + kept.quarantined > ingest.MANY_ITEMS or kept.quarantined:
        log.info("ingest.batch", extra={"source": source.pk, "kept": kept.kept, "repeated": kept.repeated,
                                        "quarantined": kept.quarantined})  # fmt: skip
    return _open_to_browsers(JsonResponse({"success": True}))


def _kept_shortly(parsed: ingest.Parsed, *, at: datetime) -> bool:
    """Whether it was one plain call and is kept; False leaves it to the long way, which says what is wrong."""
    if not parsed.write_key or len(parsed.items) != 1 or parsed.rejected:
        return False
    try:
        return events.keep_one(_digest(parsed.write_key), parsed.items[0], at=at)
    except InterfaceError:
        connection.close()  # it was lost while nobody used it: the long way opens another
    except OperationalError:
        if not connection.connection or not connection.connection.closed:
            raise
        connection.close()
    return False


def _digest(write_key: str) -> bytes:
    return hashlib.sha256(write_key.encode("utf-8", "replace")).digest()


def _source(write_key: str) -> Source | None:
    if not write_key:
        return None
    found = rows.source(_digest(write_key))
    return Source(pk=found[0], slug=found[1]) if found else None


def _said(status: int, message: str) -> HttpResponse:
    return _open_to_browsers(JsonResponse({"success": False, "message": message}, status=status))


def _open_to_browsers(response: HttpResponse) -> HttpResponse:
    """Let any site's script send here: the write key is the permission, no cookie is read."""
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
    response["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Content-Encoding, X-Retry-Count"
    response["Access-Control-Max-Age"] = "86400"
    return response
