"""One's own account: address, password, second steps, open visits."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from compliance import step_up
from compliance.access import guard, people, visits
from compliance.views.sign_in import ANYBODY
from compliance.web import needs, page

TEMPLATE = "account/account.html"


@require_GET
@needs(*ANYBODY)
def account(request: HttpRequest) -> HttpResponse:
    """Who I am here, how I sign in, and where I am signed in."""
    return page(request, TEMPLATE, _context(request))


@require_POST
@sensitive_post_parameters(*step_up.PROOFS)
@needs(*ANYBODY)
def address(request: HttpRequest) -> HttpResponse:
    """Change where notices and links for a new password go."""
    if asked := step_up.ask(request):
        return asked
    try:
        people.set_address(request.user, request.POST.get("email", ""), at=now())  # type: ignore[arg-type]
    except people.BadChange as why:
        typed = {"address_problem": str(why), "typed_address": request.POST.get("email", "")}
        return render(request, TEMPLATE, _context(request) | typed, status=422)
    messages.success(request, "Your address is changed.")
    return redirect("account")


@require_http_methods(["GET", "POST"])
@sensitive_post_parameters("old", "new", "again")
@needs(*ANYBODY)
def password(request: HttpRequest) -> HttpResponse:
    """Choose a new password; every other visit ends."""
    if request.method != "POST":
        return page(request, "account/password.html", {"problem": ""})
    said, staff, problem = request.POST, request.user, ""
    if not staff.check_password(said.get("old", "")):
        problem = "The present password is not right."
    elif said.get("new") != said.get("again"):
        problem = "The two new passwords differ."
    else:
        try:
            people.set_password(staff, said.get("new", ""), by=staff, at=now())  # type: ignore[arg-type]
        except people.BadChange as why:
            problem = str(why)
    if problem:
        return render(request, "account/password.html", {"problem": problem}, status=422)
    # This visit goes on, under a new number.
    update_session_auth_hash(request, staff)  # type: ignore[arg-type]
    messages.success(request, "Your password is changed. You were signed out everywhere else.")
    return redirect("account")


@require_POST
@needs(*ANYBODY)
def end_visit(request: HttpRequest) -> HttpResponse:
    """End one of one's visits, or all others."""
    here = request.session.session_key or ""
    if only := request.POST.get("visit", ""):
        ended = visits.end(request.user, but=here, only=only)  # type: ignore[arg-type]
    else:
        ended = visits.end(request.user, but=here)  # type: ignore[arg-type]
    messages.success(request, f"{ended} visit{'' if ended == 1 else 's'} ended.")
    return redirect("account")


def _context(request: HttpRequest) -> dict[str, Any]:
    at, staff = now(), request.user
    held = list(Authenticator.objects.filter(user=staff).order_by("created_at", "pk"))  # type: ignore[misc]
    codes = next((one.wrap() for one in held if one.type == Authenticator.Type.RECOVERY_CODES), None)
    return {
        "steps": [one for one in held if one.type in guard.SECOND_STEPS],
        "has_app": any(one.type == Authenticator.Type.TOTP for one in held),
        "codes_left": len(codes.get_unused_codes()) if codes else None,
        "required": settings.SECOND_STEP_REQUIRED,
        "visits": [
            {
                "row": one,
                "browser": visits.browser(one.agent),
                "label": visits.label(one.pk),
                "here": one.pk == request.session.session_key,
            }
            for one in visits.of(staff, at=at)  # type: ignore[arg-type]
        ],
        "address_problem": "",
        "typed_address": staff.email,
        "at": at,
    }
