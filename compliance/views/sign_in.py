"""The door for staff: name and password, then the second step; sign out, and each role's home."""

import secrets
from typing import Any

import requests
from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from allauth.mfa.base.views import authenticate as ask_second_step
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LogoutView
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from compliance import roles, step_up
from compliance.access import doors, sign_on
from compliance.web import needs, open_to_all, page

ANYBODY = tuple(f"compliance.{code}" for code in roles.PERMISSIONS)
NAME_LETTERS = 150
leave = LogoutView.as_view()


@require_http_methods(["GET", "POST"])
@sensitive_post_parameters("password")
@never_cache
@open_to_all(reason="this is where staff sign in; axes counts failures")
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for name and password; ten failures for a name from one address close the door for a quarter of an hour."""
    after = _own(request, request.POST.get("next") or request.GET.get("next", ""))
    if request.user.is_authenticated:
        return redirect(after or settings.LOGIN_REDIRECT_URL)
    if request.method != "POST":
        return _door(request, AuthenticationForm(request), after)
    username = request.POST.get("username", "")
    if "\0" in username or len(username) > NAME_LETTERS:
        raise BadRequest("That is no user name.")
    if wait := doors.wait_s(username, request.META.get("REMOTE_ADDR"), at=now()):
        held = render(request, "registration/locked.html", status=429)
        held["Retry-After"] = str(wait)
        return held
    form = AuthenticationForm(request, request.POST)
    if not form.is_valid():
        return _door(request, form, after)
    return perform_password_login(request, {"username": username}, Login(user=form.get_user(), redirect_url=after))


@require_http_methods(["GET", "POST"])
@open_to_all(reason="the second half of signing in, for whoever gave the right password a moment ago")
def second_step(request: HttpRequest) -> HttpResponse:
    """Ask for a code of the authenticator app, a recovery code or a passkey."""
    return ask_second_step(request)


@require_GET
@never_cache
@open_to_all(reason="leads to the firm's own identity provider")
def sign_on_begin(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Go to the provider with a fresh state, code challenge and nonce; 404 when the firm has none."""
    try:
        provider = sign_on.Adapter(request, provider_id).get_provider()
        nonce = request.session[sign_on.NONCE] = secrets.token_urlsafe(32)
        after = _own(request, request.GET.get("next", "")) or None
        gone: HttpResponse = provider.redirect(request, "login", next_url=after, auth_params={"nonce": nonce})
    except SocialApp.DoesNotExist:
        raise Http404 from None
    except requests.RequestException:
        return render(request, sign_on.FAILED, {"unknown": False}, status=502)
    return gone


@require_GET
@never_cache
@open_to_all(reason="the firm's identity provider sends people back here")
def sign_on_back(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Come back from the provider; whoever its signed token names and is staff goes on to the second step."""
    try:
        back: HttpResponse = OAuth2CallbackView.adapter_view(sign_on.Adapter(request, provider_id))(request)
    except SocialApp.DoesNotExist:
        raise Http404 from None
    return back


@require_POST
@open_to_all(reason="whoever has no session is signed out already")
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session, and have the browser forget what it kept of this site."""
    gone = leave(request)
    gone["Clear-Site-Data"] = '"cache", "cookies", "storage"'
    return gone


@require_http_methods(["GET", "POST"])
@sensitive_post_parameters(*step_up.PROOFS)
@needs(*ANYBODY)
def prove(request: HttpRequest) -> HttpResponse:
    """Ask who it is before a page that only shows, and go on to it."""
    if asked := step_up.ask(request):
        return asked
    return redirect(_own(request, request.GET.get("next", "")) or settings.LOGIN_REDIRECT_URL)


@require_GET
@needs(*ANYBODY)
def home(request: HttpRequest) -> HttpResponse:
    """Go where the person's work is."""
    return redirect(roles.HOME.get(request.user.role, "sign_in"))  # type: ignore[union-attr]


def _door(request: HttpRequest, form: AuthenticationForm, after: str) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "next": after, "sign_on": sign_on.is_offered()}
    return page(request, "registration/sign_in.html", context)


def _own(request: HttpRequest, url: str) -> str:
    """The address when it is one of ours, else ""."""
    is_address = url.startswith(("/", "http"))  # a bare word would be taken for the name of a view
    safe = url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure())
    return url if is_address and safe else ""
