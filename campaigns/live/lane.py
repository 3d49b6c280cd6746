"""The short way in for decisions: a program with a token that asks plainly meets none of the middlewares of pages."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import msgspec
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now

from campaigns.live import deciding
from campaigns.serving import Served
from compliance import untrusted
from compliance.api import idempotency
from personalize.lane import SHUT

PATH = "/api/v1/decisions"
LARGEST = 64 * 1024


class _Ask(msgspec.Struct):
    userId: str  # noqa: N815 - the contract's spelling
    placement: str
    campaign: Any = msgspec.UNSET
    channel: str = "web"
    context: dict[str, Any] | None = None


_ask = msgspec.json.Decoder(_Ask)


class DecisionLane:
    """Answers what can be answered shortly; everything else, and every error, goes on to the view of the same path."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The decision, or what the long way says."""
        if request.path_info != PATH or request.method != "POST":
            return self.get_response(request)
        return _short(request) or self.get_response(request)


def _short(request: HttpRequest) -> HttpResponse | None:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret or " " in secret or "X-API-Key" in request.headers:
        return None
    if idempotency.HEADER in request.headers or request.content_type != "application/json":
        return None
    if not 0 < int(request.META.get("CONTENT_LENGTH") or 0) <= LARGEST:
        return None
    ask = _asked(request.body)
    if ask is None:
        return None
    number = request.headers.get("X-Request-Id", "")[:64] or uuid4().hex
    served = deciding.decide(
        secret.encode("latin-1", "replace"), user_id=ask.userId, placement=ask.placement, request=number, at=now()
    )
    return None if served is None else _answer(served)


def _asked(body: bytes) -> _Ask | None:
    """What is asked, where it is plain: a web placement, and nothing in it that may need a closer look."""
    if untrusted.may_hide(body) or untrusted.may_be_deep(body):
        return None
    try:
        ask = _ask.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    is_plain = 0 < len(ask.userId) <= 255 and ask.userId.isprintable() and ask.userId == ask.userId.strip()
    return ask if is_plain and ask.channel == "web" and ask.campaign is msgspec.UNSET else None


def _answer(served: Served) -> HttpResponse:
    response = HttpResponse(
        msgspec.json.encode({
            "decision_id": served.decision,
            "campaign": served.campaign,
            "blocks": served.blocks,
            "content": served.content,
            "propensity": served.propensity,
            "policy": served.policy,
            "phase": served.phase,
            "fallback": served.fallback,
            "reasons": served.reasons,
            "withheld": served.withheld,
        }),
        content_type="application/json",
    )  # fmt: skip
    for name, value in SHUT.items():
        response[name] = value
    return response
