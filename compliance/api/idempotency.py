"""Idempotency-Key: a repeated POST gets the first answer again, and the deed is done once (24 hours)."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpRequest
from rest_framework import exceptions
from rest_framework.response import Response

from compliance.models import IdempotentCall, Staff

HEADER, LONGEST = "Idempotency-Key", 255
REPLAYED_FOR, ABANDONED_AFTER = timedelta(hours=24), timedelta(minutes=1)


class InFlight(exceptions.APIException):
    """409: the same call is being answered right now. Nothing was done twice."""

    status_code = 409
    default_code = "in_flight"
    default_detail = "The same call is being answered. Please ask again in a second."
    wait = 1


class OtherBody(exceptions.APIException):
    """422: the key was used for another call. Nothing was done."""

    status_code = 422
    default_code = "other_body"
    default_detail = "This Idempotency-Key was used for a different call."


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer that was given before."""

    status: int
    body: bytes


def begin(request: HttpRequest, *, by: Staff, key: str, at: datetime) -> IdempotentCall | Stored:
    """Claim the key for this call, or return the answer it already has.

    Raises ValidationError (400) for a key over 255 characters, InFlight while the first call is still running,
    OtherBody when path or body differ from the first call. A claim older than a minute is taken over.
    """
    if not key.isprintable() or not 0 < len(key) <= LONGEST:
        raise exceptions.ValidationError({HEADER: f"must be 1 to {LONGEST} printable characters"})
    digest = hashlib.sha256(request.method.encode() + b"\n" + request.body).digest()
    path = request.get_full_path()[:300]
    IdempotentCall.objects.filter(staff=by, key=key, at__lt=at - REPLAYED_FOR).delete()
    IdempotentCall.objects.filter(staff=by, key=key, status=None, at__lt=at - ABANDONED_AFTER).delete()
    call, is_new = IdempotentCall.objects.get_or_create(
        staff=by, key=key, defaults={"path": path, "body_sha256": digest, "at": at}
    )
    if is_new:
        return call
    if bytes(call.body_sha256) != digest or call.path != path:
        raise OtherBody
    if call.status is None:
        raise InFlight
    return Stored(call.status, bytes(call.answer or b""))


def forget(call: IdempotentCall) -> None:
    """Give the key back: the call failed and wrote nothing, so it may be tried again."""
    IdempotentCall.objects.filter(pk=call.pk, status=None).delete()


def keep(call: IdempotentCall, response: Response) -> None:
    """Store the finished answer in the transaction of the deed itself."""
    IdempotentCall.objects.filter(pk=call.pk).update(status=response.status_code, answer=response.rendered_content)
