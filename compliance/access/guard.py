"""The middleware behind the door: visits end in time, staff have a second step, and no page of theirs is kept."""

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.timezone import now

from compliance.access import visits

SECOND_STEPS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
# What somebody without a second step may still open: the pages that give them one, and the way out.
WITHOUT_SECOND_STEP = {
    "account", "sign_in", "sign_out", "step_up", "mfa_authenticate",
    "mfa_activate_totp", "mfa_add_webauthn", "mfa_view_recovery_codes",
}  # fmt: skip
NO_SECOND_STEP = "Your firm asks everybody for a second step at sign-in. Add one to go on."


class VisitMiddleware:
    """After Django's authentication: ends visits that lasted too long and notes new ones."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer; signed-in pages say that nobody may store them."""
        if request.user.is_authenticated:
            self._look(request)
        response = self.get_response(request)
        if request.user.is_authenticated:
            if visits.is_to_begin(request.session):
                visits.begin(request, at=now())
            response["Cache-Control"] = "private, no-store"
        return response

    def _look(self, request: HttpRequest) -> None:
        if ended := visits.over(request.session, at=now()):
            logout(request)
            request.visit_ended = ended  # type: ignore[attr-defined]
        else:
            visits.seen(request.session, at=now())

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Say that a visit ended; lead staff without a second step to where they add one, when the firm requires it."""
        if ended := getattr(request, "visit_ended", ""):
            messages.warning(request, ended)
        if not settings.SECOND_STEP_REQUIRED or not request.user.is_authenticated:
            return None
        match = request.resolver_match
        if match is None or match.url_name in WITHOUT_SECOND_STEP or getattr(view, "open_reason", None):
            return None
        if is_mfa_enabled(request.user, SECOND_STEPS):
            return None
        if request.path_info.startswith("/api/") or request.path_info.startswith("/ofrep/"):
            body = {"type": "about:blank", "title": NO_SECOND_STEP, "status": 403, "code": "second_step_required"}
            return JsonResponse(body, status=403, content_type="application/problem+json")
        messages.warning(request, NO_SECOND_STEP)
        return redirect("account")
