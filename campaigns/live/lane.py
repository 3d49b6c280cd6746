"""The short way in for decisions: a program with a token that asks plainly meets none of the middlewares of pages."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import msgspec
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now

from campaigns.live import deciding, flags
from campaigns.serving import Served
from compliance import untrusted
from compliance.api import idempotency
from personalize.lane import SHUT

PATH = "/api/v1/decisions"
FLAG = re.compile(r"/ofrep/v1/evaluate/flags/([-a-zA-Z0-9_]+)")  # OFREP: one placement
LARGEST = 64 * 1024


class _Ask(msgspec.Struct):
    userId: str  # noqa: N815 - the contract's spelling
    placement: str
    campaign: Any = msgspec.UNSET
    channel: str = "web"
    context: dict[str, Any] | None = None


_ask = msgspec.json.Decoder(_Ask)


class _Context(msgspec.Struct):
    targetingKey: str  # noqa: N815 - OFREP's spelling


class _Flag(msgspec.Struct):
    context: _Context


_flag = msgspec.json.Decoder(_Flag)


class DecisionLane:
    """Answers what can be answered shortly; everything else, and every error, goes on to the view of the same path."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The decision, or what the long way says."""
        path = request.path_info
        if request.method != "POST" or not (path == PATH or FLAG.fullmatch(path)):
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
    flag = FLAG.fullmatch(request.path_info)
    ask = _of_flag(flag[1], request.body) if flag else _asked(request.body)
    if ask is None:
        return None
    number = request.headers.get("X-Request-Id", "")[:64] or uuid4().hex
    served = deciding.decide(
        secret.encode("latin-1", "replace"), user_id=ask.userId, placement=ask.placement, request=number, at=now()
    )
    if served is None:
        return None
    return _answer(flags.said(ask.placement, served), flags.UNSAVED) if flag else _answer(_told(served))


def _of_flag(key: str, body: bytes) -> _Ask | None:
    """What an OFREP call asks, where it is as plain as `_asked`."""
    if untrusted.may_hide(body) or untrusted.may_be_deep(body):
        return None
    try:
        who = _flag.decode(body).context.targetingKey
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return _Ask(userId=who, placement=key) if is_plain(who) else None


def _asked(body: bytes) -> _Ask | None:
    """What is asked, where it is plain: a web placement, and nothing in it that may need a closer look."""
    if untrusted.may_hide(body) or untrusted.may_be_deep(body):
        return None
    try:
        ask = _ask.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return ask if is_plain(ask.userId) and ask.channel == "web" and ask.campaign is msgspec.UNSET else None


def is_plain(user_id: str) -> bool:
    """Whether a client's id needs no closer look."""
    return 0 < len(user_id) <= 255 and user_id.isprintable() and user_id == user_id.strip()


def _told(served: Served) -> dict[str, Any]:
    return {
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
    }


def _answer(told: dict[str, Any], more: Mapping[str, str] = MappingProxyType({})) -> HttpResponse:
    response = HttpResponse(msgspec.json.encode(told), content_type="application/json")
    for name, value in (SHUT | dict(more)).items():
        response[name] = value
    return response
