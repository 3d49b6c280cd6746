"""The administrator's page of staff: roles, who is let in, lost second steps."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.db.models import Count, Exists, OuterRef, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from compliance import step_up
from compliance.access import guard, visits
from compliance.access import people as verbs
from compliance.models import Role, Staff
from compliance.web import needs, page

MANAGE = "compliance.manage_staff"
TEMPLATE = "account/people.html"


@require_GET
@needs(MANAGE)
def people(request: HttpRequest) -> HttpResponse:
    """Everybody of the firm, with role, second step, visits and tokens."""
    return page(request, TEMPLATE, _context())


@require_POST
@sensitive_post_parameters(*step_up.PROOFS)
@needs(MANAGE)
def change_person(request: HttpRequest, staff_id: int, verb: str) -> HttpResponse:
    """One change to somebody else: role, in, out, second-step, visits."""
    staff = get_object_or_404(Staff, pk=staff_id)
    if asked := step_up.ask(request):
        return asked
    at, by = now(), request.user
    try:
        if verb == "role":
            verbs.set_role(staff.pk, role=request.POST.get("role", ""), by=by, at=at)  # type: ignore[arg-type]
        elif verb in ("in", "out"):
            verbs.let_in(staff.pk, is_active=verb == "in", by=by, at=at)  # type: ignore[arg-type]
        elif verb == "second-step":
            verbs.forget_second_step(staff.pk, by=by, at=at)  # type: ignore[arg-type]
        else:
            visits.end(staff, but=request.session.session_key or "")
    except verbs.NotYours as why:
        return render(request, TEMPLATE, _context() | {"problem": str(why)}, status=403)
    except verbs.BadChange as why:
        return render(request, TEMPLATE, _context() | {"problem": str(why)}, status=422)
    messages.success(request, f"Done for {staff.get_full_name() or staff.username}.")
    return redirect("people")


def _context() -> dict[str, Any]:
    at = now()
    steps = Authenticator.objects.filter(user=OuterRef("pk"), type__in=guard.SECOND_STEPS)
    lasting = Q(tokens__revoked_at=None) & (Q(tokens__expires_at=None) | Q(tokens__expires_at__gt=at))
    staff = Staff.objects.annotate(
        has_step=Exists(steps),
        visits=Count("sessions", filter=Q(sessions__expire_date__gt=at), distinct=True),
        open_tokens=Count("tokens", filter=lasting, distinct=True),
    )
    return {
        "people": staff.exclude(role=Role.COUNSEL).order_by("-is_active", "username"),
        "roles": [one for one in Role.choices if one[0] != Role.COUNSEL],
        "problem": "",
    }
