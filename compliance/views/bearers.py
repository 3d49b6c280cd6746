"""Tokens for programs: one's own, and for an administrator everybody's."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from compliance import roles, step_up
from compliance.access import bearers
from compliance.models import ApiToken
from compliance.views.sign_in import ANYBODY
from compliance.web import needs, page

TEMPLATE = "account/tokens.html"
DAYS = (7, 30, 90, 365)


@require_http_methods(["GET", "POST"])
@sensitive_post_parameters(*step_up.PROOFS)
@needs(*ANYBODY)
def tokens(request: HttpRequest) -> HttpResponse:
    """My tokens; POST makes one and shows its secret this once."""
    if request.method != "POST":
        return page(request, TEMPLATE, _context(request))
    if asked := step_up.ask(request):
        return asked
    at, said = now(), request.POST
    days = int(said["days"]) if said.get("days") in map(str, DAYS) else 0
    given = {"name": said.get("name", ""), "scopes": said.getlist("scope")}
    try:
        _, secret = bearers.give(
            request.user, **given, expires_at=at + timedelta(days=days), by=request.user, at=at  # type: ignore[arg-type]
        )  # fmt: skip
    except bearers.BadToken as why:
        return render(request, TEMPLATE, _context(request) | {"problem": str(why), "asked": given}, status=422)
    return render(request, TEMPLATE, _context(request) | {"secret": secret}, status=201)


@require_GET
@needs("compliance.manage_staff")
def all_tokens(request: HttpRequest) -> HttpResponse:
    """Everybody's tokens, for an administrator."""
    return page(request, TEMPLATE, _context(request, everybody=True))


@require_POST
@needs(*ANYBODY)
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Take a token back: one's own, or anybody's for an administrator; 404 for those of others."""
    seen = ApiToken.objects.all()
    manages = request.user.has_perm("compliance.manage_staff")
    if not manages:
        seen = seen.filter(staff=request.user)
    token = get_object_or_404(seen, pk=token_id)
    if bearers.revoke(token.pk, by=request.user, at=now()):  # type: ignore[arg-type]
        messages.success(request, "The token is taken back. It opens nothing any more.")
    return redirect("tokens" if token.staff_id == request.user.pk else "all_tokens")


def _context(request: HttpRequest, *, everybody: bool = False) -> dict[str, Any]:
    at, staff = now(), request.user
    found = ApiToken.objects.select_related("staff", "use").order_by("revoked_at", "-created_at", "-pk")
    rows = list((found if everybody else found.filter(staff=staff))[:200])
    return {
        "tokens": [{"row": one, "used": getattr(one, "use", None), "state": _state(one, at)} for one in rows],
        "everybody": everybody,
        "scopes": [(code, SAYS.get(code) or roles.PERMISSIONS[code]) for code in bearers.scopes_of(staff)],  # type: ignore[arg-type]
        "days": DAYS,
        "secret": "",
        "problem": "",
        "asked": {"name": "", "scopes": ["read"]},
    }


SAYS = {bearers.READ: "Can read what you may read"}


def _state(token: ApiToken, at: Any) -> str:
    if token.revoked_at:
        return "taken back"
    if token.expires_at and token.expires_at <= at:
        return "ended"
    return "open" if token.staff.is_active and token.standing == token.staff.standing else "of an earlier role"
