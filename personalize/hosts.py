"""What clients reach and what staff reach have names of their own, where PUBLIC_URL says so.

A cookie of the console is then never sent to where mails lead, and whoever finds a hole in a public page stands before
no console. By default there is one name, and everything is found there.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound

from personalize.lane import SHUT

# Where mails lead, what SDKs and mail providers send to; `docs/rights.md` has every address.
PUBLIC = ("/o/", "/c/", "/u/", "/w/", "/portal/", "/copy/", "/.well-known/", "/v1/", "/beacon/", "/pixel/", "/hooks/")
ALSO_PUBLIC = ("/health", "/version")  # of the ingest
SHARED = ("/healthz", "/readyz", "/metrics")


def is_public(path: str) -> bool:
    """Whether an address is for clients and their programs, not for staff and the firm's own."""
    return path.startswith(PUBLIC) or path in ALSO_PUBLIC


class HostMiddleware:
    """First of all: an address is not found under the other name."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.public = urlsplit(settings.PUBLIC_URL).netloc
        if self.public == urlsplit(settings.BASE_URL).netloc:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """404 for what has another name; files of the pages and the watchers' addresses are found under both."""
        path = request.path_info
        is_shared = path in SHARED or path.startswith("/" + settings.STATIC_URL.strip("/") + "/")
        if is_shared or is_public(path) == (request.get_host() == self.public):
            return self.get_response(request)
        return HttpResponseNotFound("Not found.", content_type="text/plain; charset=utf-8", headers=SHUT)
