"""Errors as RFC 9457 problem documents, and JSON bodies that cannot hurt us."""

import json
from typing import Any, NoReturn

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.parsers import BaseParser
from rest_framework.response import Response
from rest_framework.views import set_rollback

MAX_DEPTH, MAX_BYTES = 64, 1_000_000
PROBLEM = "application/problem+json"


class Conflict(exceptions.APIException):
    """409: the thing is not in the state the call needs."""

    status_code = 409
    default_code = "conflict"
    default_detail = "Someone was first, or the thing is no longer in that state."


def problem(status: int, title: str, *, detail: str = "", **extra: Any) -> Response:
    """One problem document; `extra` members are added as they are."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **extra}
    return Response(body, status=status, content_type=PROBLEM)


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every error is a problem document that names the field and the reason."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    set_rollback()
    if isinstance(error, exceptions.ValidationError):
        answer = problem(error.status_code, "The request is not valid", errors=_flatten(error.detail))
    else:
        answer = problem(error.status_code, str(error.default_detail), detail=str(error.detail))
    if getattr(error, "auth_header", None):
        answer["WWW-Authenticate"] = error.auth_header  # type: ignore[attr-defined]
    if getattr(error, "wait", None):
        answer["Retry-After"] = str(int(error.wait))  # type: ignore[attr-defined]
    return answer


def _flatten(detail: Any, path: str = "") -> list[dict[str, str]]:
    if isinstance(detail, dict):
        return [one for key, value in detail.items() for one in _flatten(value, f"{path}.{key}".lstrip("."))]
    if isinstance(detail, list) and any(isinstance(one, dict | list) for one in detail):
        return [one for index, value in enumerate(detail) for one in _flatten(value, f"{path}[{index}]")]
    return [{"field": path, "reason": str(one)} for one in (detail if isinstance(detail, list) else [detail])]


def load_json(raw: bytes) -> Any:
    """Decode JSON from a stranger.

    Raises ValueError, saying why, for bad UTF-8 or syntax, NaN, nesting over 64, NUL or lone surrogates:
    PostgreSQL stores none of those.
    """
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    _check(value, 0)
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("a text contains a NUL character")
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ValueError("a text contains half of a surrogate pair")
    elif isinstance(value, dict):
        for key, one in value.items():
            _check(key, depth)
            _check(one, depth + 1)
    elif isinstance(value, list):
        for one in value:
            _check(one, depth + 1)
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**63 - 1:
        raise ValueError("a number is too large")


class StrictJSONParser(BaseParser):
    """JSON only, checked by `load_json`, at most 1 MB."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Return the decoded body or raise ParseError with the reason."""
        raw = stream.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise exceptions.ParseError(f"larger than {MAX_BYTES} bytes")
        try:
            return load_json(raw)
        except ValueError as error:
            raise exceptions.ParseError(f"not usable JSON: {error}") from None
