"""The door for staff: sign in, sign out, and each role's home."""

from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from compliance import roles
from compliance.web import needs, open_to_all

ANYBODY = tuple(f"compliance.{code}" for code in roles.PERMISSIONS)
enter = LoginView.as_view(template_name="registration/sign_in.html", redirect_authenticated_user=True)
leave = LogoutView.as_view()


@require_http_methods(["GET", "POST"])
@open_to_all(reason="this is where staff sign in; axes counts failures")
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for name and password; ten failures for a name from one address close the door for a quarter of an hour."""
    return enter(request)


@require_POST
@open_to_all(reason="whoever has no session is signed out already")
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    return leave(request)


@require_GET
@needs(*ANYBODY)
def home(request: HttpRequest) -> HttpResponse:
    """Go where the person's work is."""
    return redirect(roles.HOME.get(request.user.role, "sign_in"))  # type: ignore[union-attr]
