"""What clients reach and what staff reach have names of their own, where PUBLIC_URL says so.

A cookie of the console is then never sent to where mails lead, and whoever finds a hole in a public page stands before
no console. By default there is one name, and everything is found there. What was mailed leads to the console's name
too: it may be older than the public one, and an opt-out must work for as long as somebody keeps the mail.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.http.request import split_domain_port

from personalize.lane import SHUT

# Where mails lead, and what SDKs and mail providers send to; `docs/rights.md` has every address.
MAILED = ("/o/", "/c/", "/u/", "/w/", "/portal/", "/copy/", "/.well-known/")
PUBLIC = (*MAILED, "/v1/", "/beacon/", "/pixel/", "/hooks/")
ALSO_PUBLIC = ("/health", "/version")  # of the ingest
SHARED = ("/healthz", "/readyz", "/metrics")


def is_public(path: str) -> bool:
    """Whether an address is for clients and their programs, not for staff and the firm's own."""
    return path.startswith(PUBLIC) or path in ALSO_PUBLIC


class HostMiddleware:
    """First of all: an address is not found under the other name.

    A port says which name is meant only where both have one hostname: a proxy may pass any port on.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.public, consoles = (_place(urlsplit(url).netloc) for url in (settings.PUBLIC_URL, settings.BASE_URL))
        if self.public == consoles:
            raise MiddlewareNotUsed
        self.by_port = self.public[0] == consoles[0]
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """404 for what has another name; files of the pages and the watchers' addresses are found under both."""
        path, asked = request.path_info, _place(request.get_host())
        is_shared = path in SHARED or path.startswith("/" + settings.STATIC_URL.strip("/") + "/")
        by_public = asked[0] == self.public[0] and (asked == self.public or not self.by_port)
        if is_shared or path.startswith(MAILED) or is_public(path) == by_public:
            return self.get_response(request)
        return HttpResponseNotFound("Not found.", content_type="text/plain; charset=utf-8", headers=SHUT)


def _place(host: str) -> tuple[str, str]:
    """Hostname and port, of which one place has many spellings: capitals, a last dot, the port of its scheme."""
    name, port = split_domain_port(host)
    return name.rstrip("."), port or ("443" if urlsplit(settings.PUBLIC_URL).scheme == "https" else "80")
