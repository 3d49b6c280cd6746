"""Adding and removing a second step: authenticator app, passkey, recovery codes. django-allauth does the arithmetic."""

import base64
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal import flows as codes_flow
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal import flows as app_flow
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from allauth.mfa.webauthn.internal import auth as passkeys
from allauth.mfa.webauthn.internal import flows as passkey_flow
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from compliance import step_up
from compliance.access import guard, people, visits
from compliance.views.sign_in import ANYBODY
from compliance.web import needs

LAST = "This is your only second step, and your firm asks everybody for one. Add another one first."


@require_http_methods(["GET", "POST"])
@sensitive_post_parameters(*step_up.PROOFS, "code")
@needs(*ANYBODY)
def app(request: HttpRequest) -> HttpResponse:
    """Show a new secret as a picture and in letters; keep it once a code of it was typed."""
    if Authenticator.objects.filter(user=request.user, type=Authenticator.Type.TOTP).exists():  # type: ignore[misc]
        return redirect("account")
    if asked := step_up.ask(request):
        return asked
    sent = request.POST if "code" in request.POST else None
    form = ActivateTOTPForm(data=sent, user=request.user)
    if sent is not None and form.is_valid():
        _, made = app_flow.activate_totp(request, form)
        return _added(request, "app_added", made)
    url = get_adapter().build_totp_url(request.user, form.secret)  # type: ignore[arg-type]
    picture = base64.b64encode(get_adapter().build_totp_svg(url).encode()).decode()
    letters = [form.secret[place : place + 4] for place in range(0, len(form.secret), 4)]
    context = {"form": form, "picture": picture, "url": url, "letters": letters}
    return render(request, "account/app.html", context, status=422 if sent is not None else 200)


@require_http_methods(["GET", "POST"])
@sensitive_post_parameters(*step_up.PROOFS)
@needs(*ANYBODY)
def passkey(request: HttpRequest) -> HttpResponse:
    """Have the browser make a passkey for this site, and keep its public half."""
    if asked := step_up.ask(request):
        return asked
    sent = request.POST if "credential" in request.POST else None
    form = AddWebAuthnForm(data=sent, user=request.user)
    if sent is not None and form.is_valid():
        said = form.cleaned_data
        _, made = passkey_flow.add_authenticator(request, name=said["name"][:80], credential=said["credential"])
        return _added(request, "passkey_added", made)
    options = passkeys.begin_registration(request.user, False)  # type: ignore[arg-type]
    by_number = request.get_host().partition(":")[0].replace(".", "").isdigit()
    context: dict[str, Any] = {"form": form, "options": options, "by_number": by_number}
    return render(request, "account/passkey.html", context, status=422 if sent is not None else 200)


@require_POST
@sensitive_post_parameters(*step_up.PROOFS)
@needs(*ANYBODY)
def remove(request: HttpRequest, step_id: int) -> HttpResponse:
    """Take one away; the last one stays where the firm requires one."""
    mine = Authenticator.objects.filter(user=request.user, type__in=guard.SECOND_STEPS)  # type: ignore[misc]
    step = get_object_or_404(mine, pk=step_id)
    if asked := step_up.ask(request):
        return asked
    if settings.SECOND_STEP_REQUIRED and mine.count() == 1:
        messages.error(request, LAST)
        return redirect("account")
    passkey_flow.remove_authenticator(request, step)
    return _changed(request, f"{'app' if step.type == Authenticator.Type.TOTP else 'passkey'}_removed")


@require_http_methods(["GET", "POST"])
@sensitive_post_parameters(*step_up.PROOFS)
@needs(*ANYBODY)
def codes(request: HttpRequest) -> HttpResponse:
    """Show recovery codes, once; POST makes new ones and the old ones are nothing from then on."""
    if asked := step_up.ask(request):
        return asked
    if request.method == "POST":
        if not codes_flow.can_generate_recovery_codes(request.user):  # type: ignore[arg-type]
            raise Http404("Recovery codes go with another second step.")
        codes_flow.generate_recovery_codes(request)
        people.note_second_step(request.user, "recovery_codes_made", at=now())  # type: ignore[arg-type]
        return redirect("mfa_view_recovery_codes")
    held, may_see = codes_flow.view_recovery_codes(request)
    if held is None:
        raise Http404("Recovery codes go with another second step.")
    left = held.get_unused_codes()
    return render(request, "account/codes.html", {"codes": left if may_see else [], "left": len(left)})


def _added(request: HttpRequest, kind: str, made: Authenticator | None) -> HttpResponse:
    gone = _changed(request, kind)
    return redirect("mfa_view_recovery_codes") if made else gone


def _changed(request: HttpRequest, kind: str) -> HttpResponse:
    """A changed second step ends the other visits and gives this one a new number."""
    people.note_second_step(request.user, kind, at=now())  # type: ignore[arg-type]
    request.session.cycle_key()
    visits.end(request.user, but=request.session.session_key or "")  # type: ignore[arg-type]
    return redirect("account")
