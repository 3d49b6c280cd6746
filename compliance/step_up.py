"""Asked again before a grave deed: is it still you? By password, code or passkey, within STEP_UP_S of the last proof.

A view begins with `if asked := step_up.ask(request): return asked`. Whoever proved it lately goes on. Everybody else
gets a page that holds what they typed and asks for a proof; its form goes to the same address, so that the proof and
the deed arrive together and nothing is kept in between.
"""

from typing import Any

from allauth.account.internal.flows.reauthentication import reauthenticate_by_password
from allauth.mfa.base.forms import ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import ReauthenticateWebAuthnForm
from allauth.mfa.webauthn.internal.auth import begin_authentication
from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.timezone import now

from compliance.access import visits

PASSWORD, CODE, CREDENTIAL = "step_up_password", "step_up_code", "step_up_credential"
PROOFS = (PASSWORD, CODE, CREDENTIAL)
TEMPLATE = "account/step_up.html"
WRONG = "That was not right. Nothing was done yet; try again."


def is_fresh(request: HttpRequest) -> bool:
    """Whether the person of this request proved lately who they are."""
    return visits.is_fresh(request.session, at=now())


def ask(request: HttpRequest) -> HttpResponse | None:
    """None when the deed may be done now; else the page that asks for a proof (403), and nothing was done."""
    if is_fresh(request):
        return None
    problem = ""
    if request.method == "POST" and any(request.POST.get(name) for name in PROOFS):
        if _proves(request):
            visits.proved(request.session, at=now())
            return None
        problem = WRONG
    part = "#form" if request.htmx else ""  # type: ignore[attr-defined]
    return render(request, TEMPLATE + part, _context(request, problem), status=403)


def _proves(request: HttpRequest) -> bool:
    person, said = request.user, request.POST
    if said.get(PASSWORD):
        # Failures are counted as those at the door are; see AXES_LOCKOUT_PARAMETERS.
        found = authenticate(request, username=person.get_username(), password=said[PASSWORD])
        if found is None or found.pk != person.pk:
            return False
        reauthenticate_by_password(request)
        return True
    form: Any = ReauthenticateForm(data={"code": said.get(CODE, "")}, user=person)
    if said.get(CREDENTIAL):
        form = ReauthenticateWebAuthnForm(data={"credential": said[CREDENTIAL]}, user=person)
    if not form.is_valid():
        return False
    form.save()
    return True


def _context(request: HttpRequest, problem: str) -> dict[str, Any]:
    held = set(Authenticator.objects.filter(user=request.user).values_list("type", flat=True))
    passkey = begin_authentication(request.user) if Authenticator.Type.WEBAUTHN in held else None  # type: ignore[arg-type]
    action, path = request.get_full_path(), request.get_full_path()
    if request.method != "POST":
        action = f"{reverse('step_up')}?{urlencode({'next': path})}"
    left_out = {"csrfmiddlewaretoken", *PROOFS}
    return {
        "action": action,
        "typed": [(name, one) for name, said in request.POST.lists() if name not in left_out for one in said],
        "has_password": request.user.has_usable_password(),
        "has_code": bool(held & {Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES}),
        "passkey": passkey,
        "minutes": settings.STEP_UP_S // 60,
        "problem": problem,
    }
