"""What every API view of ours shares: who may call, one error shape, and Idempotency-Key on POST."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import HttpResponse
from django.utils.timezone import now
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions, serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from compliance import step_up
from compliance.access import bearers
from compliance.acting import become
from compliance.api import idempotency, problems
from compliance.models import ApiToken
from compliance.reviewing import blind

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(serializers.DateTimeField):
    """A moment from 1970 on: before it the zones that answers are written in knew no whole minutes."""

    def to_internal_value(self, value: Any) -> datetime:
        """The moment, or a refusal."""
        moment = super().to_internal_value(value)
        if moment < EARLIEST:
            raise serializers.ValidationError("is before 1970")
        return moment


class HoldsOne(BasePermission):
    """Lets in staff who hold one of the view's `needs` (or `needs_to_write` for unsafe methods).

    A token must have the scope too: "read" for what changes nothing, else the very permission.
    """

    message = "Your role may not do this."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the caller holds one of the permissions."""
        wanted, reads = view.needs, request.method in ("GET", "HEAD", "OPTIONS")
        if not reads and view.needs_to_write:
            wanted = view.needs_to_write
        held = [one for one in wanted if request.user and request.user.is_authenticated and request.user.has_perm(one)]
        if not held or not isinstance(request.auth, ApiToken):
            return bool(held)
        scopes = {bearers.READ} if reads else {one.removeprefix("compliance.") for one in held}
        if not scopes & set(request.auth.scopes):
            raise ScopeMissing
        return True


class ScopeMissing(exceptions.PermissionDenied):
    """The role may, but this token was not given for it."""

    default_code = "scope_missing"
    default_detail = "This token was not given for that. Its owner can make one that is."


class StepUpRequired(exceptions.PermissionDenied):
    """The person signed in too long ago for a deed like this."""

    default_code = "step_up_required"
    default_detail = "You signed in too long ago for this. Prove that it is you at /step-up/, then call again."


class Schema(AutoSchema):
    """Names the Idempotency-Key header on every POST, and the problem document that every refusal is."""

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> Any:
        """Those of the view; any other 4xx is a problem document."""
        found = super()._get_response_bodies(direction)
        refused = self._get_response_for_code(problems.Problem, "4XX", [problems.PROBLEM], direction)
        return found | {"4XX": {**refused, "description": "Refused; nothing was written."}}

    def get_override_parameters(self) -> list[Any]:
        """The header parameter for POST; nothing otherwise."""
        if self.method != "POST":
            return []
        return [
            OpenApiParameter(
                idempotency.HEADER,
                str,
                OpenApiParameter.HEADER,
                description="Up to 255 characters. A repeated call within 24 hours gets the first answer again.",
            )
        ]


class ApiView(APIView):
    """Base of every API view. Set `needs = ("compliance.build_campaigns",)`: one of them is enough.

    `needs_to_write`, when set, replaces `needs` for POST, PUT, PATCH and DELETE. A POST that carries an
    Idempotency-Key runs in one transaction with its stored answer; an error gives the key back. With `steps_up` a
    person in a browser must have proved lately who they are; a token is its own proof.
    """

    needs: tuple[str, ...] = ()
    needs_to_write: tuple[str, ...] = ()
    steps_up = False
    permission_classes = [HoldsOne]
    schema = Schema()

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponse]:
        """The view function, carrying its permissions so that a test can read them off the URL map."""
        view = super().as_view(**initkwargs)
        view.permissions = cls.needs + cls.needs_to_write
        return view

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """After sign-in and permission: make a POST with a key happen once."""
        super().initial(request, *args, **kwargs)
        if self.steps_up and request.auth is None and not step_up.is_fresh(request._request):
            raise StepUpRequired
        if blind.reading(request.user, at=now()) is not None:
            raise exceptions.PermissionDenied(blind.SENTENCE)
        become(f"staff:{request.user.pk}")
        key = request.headers.get(idempotency.HEADER)
        handler = getattr(self, "post", None)
        if request.method == "POST" and key is not None and handler is not None:
            self.post = self._once(handler, key)

    def _once(self, handler: Callable[..., Response], key: str) -> Callable[..., HttpResponse]:
        def answer(request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                claim = idempotency.begin(request._request, by=request.user, key=key, at=now())
            except RequestDataTooBig:
                raise exceptions.ParseError("the body is too large") from None
            if isinstance(claim, idempotency.Stored):
                replay = HttpResponse(claim.body, status=claim.status, content_type="application/json")
                replay["Idempotency-Replay"] = "true"
                return replay
            try:
                with transaction.atomic():
                    response = handler(request, *args, **kwargs)
                    rendered = self.finalize_response(request, response, *args, **kwargs)
                    idempotency.keep(claim, rendered)
            except BaseException:
                idempotency.forget(claim)
                raise
            return response

        return answer
