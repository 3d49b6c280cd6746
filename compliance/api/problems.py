"""Errors as RFC 9457 problem documents, and JSON bodies that cannot hurt us."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions, serializers
from rest_framework.parsers import BaseParser
from rest_framework.response import Response
from rest_framework.views import set_rollback

from compliance.untrusted import load_json

MAX_BYTES = 1_000_000
PROBLEM = "application/problem+json"


class FieldFault(serializers.Serializer):
    """One field of a request and what is wrong with it."""

    field = serializers.CharField(help_text="dotted path; empty for the whole body")
    reason = serializers.CharField()


class Problem(serializers.Serializer):
    """What every refusal looks like (RFC 9457): why, and for a bad request which field."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField(min_value=400, max_value=599)
    detail = serializers.CharField()
    code = serializers.CharField(required=False, help_text="with 403: which rule")
    errors = FieldFault(many=True, required=False, help_text="with 400")


class Conflict(exceptions.APIException):
    """409: the thing is not in the state the call needs."""

    status_code = 409
    default_code = "conflict"
    default_detail = "Someone was first, or the thing is no longer in that state."


def document(status: int, title: str, *, detail: str = "", **extra: Any) -> dict[str, Any]:
    """The members of a problem document (RFC 9457)."""
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, **extra}


def problem(status: int, title: str, *, detail: str = "", **extra: Any) -> Response:
    """One problem document; `extra` members are added as they are."""
    return Response(document(status, title, detail=detail, **extra), status=status, content_type=PROBLEM)


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
        code = {"code": error.default_code} if error.status_code == 403 else {}
        answer = problem(error.status_code, str(error.default_detail), detail=str(error.detail), **code)
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
