"""What every page must obey: a permission or a reason to be open, and how GET and POST answer."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from compliance.acting import acting

__all__ = [
    "ActorMiddleware",
    "DoorMiddleware",
    "TextMiddleware",
    "acting",
    "answer",
    "chrome",
    "needs",
    "open_to_all",
    "page",
]

View = Callable[..., HttpResponse]


def needs(*permissions: str) -> Callable[[View], View]:
    """Let in staff who hold one of the permissions ("compliance.review_texts"); 403 for everybody else."""

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not any(request.user.has_perm(one) for one in permissions):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        guarded.permissions = permissions  # type: ignore[attr-defined]
        return guarded

    return guard


def open_to_all(*, reason: str) -> Callable[[View], View]:
    """Let in anybody, signed in or not, and say why."""

    def mark(view: View) -> View:
        opened = login_not_required(view)
        opened.open_reason = reason  # type: ignore[attr-defined]
        return opened

    return mark


def page(
    request: HttpRequest, template: str, context: dict[str, Any], *, part: str | None = None, status: int = 200
) -> HttpResponse:
    """Answer a GET: the whole page, or for htmx only its named part when the view names one."""
    name = f"{template}#{part}" if part and request.htmx else template  # type: ignore[attr-defined]
    return render(request, name, context, status=status)


def answer(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    part: str,
    then: str,
    then_args: tuple[Any, ...] = (),
    status: int = 200,
) -> HttpResponse:
    """End a POST: htmx gets the part; a plain form that succeeded is redirected to `then`; a refused one sees all."""
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, f"{template}#{part}", context, status=status)
    if status < 400:
        return redirect(then, *then_args)
    return render(request, template, context, status=status)


class ActorMiddleware:
    """Tells the database who acts, so that its triggers can write it into the ledger."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request in the name of the person signed in, or of the public, under its own or a new number."""
        user = getattr(request, "user", None)
        name = f"staff:{user.pk}" if user and user.is_authenticated else "public"
        with acting(name, request_id=request.headers.get("X-Request-Id", "")[:64] or uuid4().hex) as block:
            request.acting = block  # type: ignore[attr-defined]  # Django's own log lines are written when it has ended
            return self.get_response(request)


class DoorMiddleware:
    """A part that htmx asks for without a session sends the whole page to the door, not the door into the part."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """401 with the way to the door where a page would be redirected there; every other answer as it is."""
        response = self.get_response(request)
        door = reverse(settings.LOGIN_URL)
        if "HX-Request" not in request.headers or not response.get("Location", "").startswith(door):
            return response
        back = urlsplit(request.headers.get("HX-Current-URL", "")).path or "/"
        return HttpResponse(status=401, headers={"HX-Redirect": f"{door}?{urlencode({'next': back})}"})


class TextMiddleware:
    """A null character, which PostgreSQL stores nowhere, is refused in whatever names, asks or fills in a form."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Nothing before the view is known."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: View, args: Any, kwargs: dict[str, Any]) -> None:
        """400 with a reason. A program's body is read by its parser, which refuses the same."""
        is_page = not hasattr(view, "cls")
        if is_page:
            _ = request.body  # kept, so that a view that checks a signature over the bytes of a form still finds them
        forms = (request.GET, request.POST) if is_page else (request.GET,)
        sent = [text for form in forms for key, texts in form.lists() for text in (key, *texts)]
        if any("\0" in text for text in [*sent, *map(str, kwargs.values())]):
            raise BadRequest("A null character is no text.")


def chrome(request: HttpRequest) -> dict[str, Any]:
    """What every template may use: the firm, and the CSP nonce under the name that django-htmx reads."""
    return {"csp_nonce": getattr(request, "csp_nonce", ""), "firm": settings.FIRM}
