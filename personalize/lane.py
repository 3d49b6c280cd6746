"""The short way in for machines: what SDKs send needs no session, no form token, no page.

A request to LANE meets its view at once instead of passing a dozen middlewares made for people, which cost it several
times what keeping a hundred events does. Views there sign their callers in themselves and name who acts.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import resolve

LANE = "/v1/"
# What the middlewares passed by would say: nothing here is a page.
SHUT = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


class MachineLane:
    """First of the middlewares: sends LANE to its view and everything else on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer what is in the lane; a path there that nobody knows goes on, to be told so as a page is."""
        if not request.path_info.startswith(LANE):
            return self.get_response(request)
        found = resolve(request.path_info)
        response = found.func(request, *found.args, **found.kwargs)
        for name, value in SHUT.items():
            response[name] = value
        return response
