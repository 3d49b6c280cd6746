"""A forgotten password: a link by mail, once and for ten minutes. It changes the password and signs nobody in."""

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth.tokens import default_token_generator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import urlsafe_base64_decode
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from compliance.access import people
from compliance.models import Staff
from compliance.tasks import mail_reset
from compliance.web import open_to_all

LETTERS = 254


@require_http_methods(["GET", "POST"])
@never_cache
@open_to_all(reason="whoever forgot a password has no session; the answer is the same for every address")
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for an address; what happens then is the same whether somebody has it or not."""
    if request.method != "POST":
        return render(request, "account/forgotten.html", {"asked": False})
    address = request.POST.get("email", "").strip()[:LETTERS]
    if "\0" not in address and ratelimit.consume(request, action="reset_password", key=address.lower()):
        found = Staff.objects.filter(email__iexact=address, is_active=True).exclude(email="")
        staff_id = found.values_list("pk", flat=True).first()
        # Unknown addresses go the same way, so that the time it takes tells nothing either.
        mail_reset.delay_on_commit(staff_id=staff_id or 0)
    return render(request, "account/forgotten.html", {"asked": True})


@require_http_methods(["GET", "POST"])
@sensitive_post_parameters("new", "again")
@never_cache
@open_to_all(reason="the mailed link is the key, once and for ten minutes")
def new_password(request: HttpRequest, who: str, token: str) -> HttpResponse:
    """Set a new password by a mailed link. The second step is asked for at the next sign-in as always."""
    staff = _staff(who)
    if staff is None or not default_token_generator.check_token(staff, token):
        return render(request, "account/new_password.html", {"good": False, "problem": ""}, status=404)
    problem = ""
    if request.method == "POST":
        if request.POST.get("new") != request.POST.get("again"):
            problem = "The two passwords differ."
        else:
            try:
                people.set_password(staff, request.POST.get("new", ""), by=staff, at=now())
            except people.BadChange as why:
                problem = str(why)
        if not problem:
            messages.success(request, "Your password is changed. Sign in with it.")
            return redirect("sign_in")
    return render(
        request, "account/new_password.html", {"good": True, "problem": problem}, status=422 if problem else 200
    )


def _staff(who: str) -> Staff | None:
    try:
        number = int(urlsafe_base64_decode(who).decode("ascii"))
    except ValueError:
        return None
    return Staff.objects.filter(pk=number, is_active=True).first() if 0 < number < 2**63 else None
