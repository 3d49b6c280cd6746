"""A crawl over every address as everybody, and what is wrong with what it saw."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.urls import Resolver404, resolve

from tests.walls.site import HOSTILE, Asked, Site, addresses

ROLES = ("marketer", "editor", "officer", "admin")
EVERYONE = ("stranger", *ROLES)
METHODS = {True: ("GET", "POST", "PUT", "PATCH", "DELETE"), False: ("GET", "POST", "DELETE")}  # by: for machines
LINE = re.compile(r"^\| `/([^`]*)` \| ([A-Z ]+) \| ([a-z ]+) \| ([^|]+) \|$")
TABLE = Path(__file__).parents[2] / "docs" / "rights.md"
DJANGOS = "admin/"  # Django's own pages have one line together
MACHINES = ("api/", "ofrep/")
LINK = re.compile(rb"<a\b[^>]*?\shref=\"(/(?!static/)[^\"]*)\"")
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
VISITED = {"compliance_session"}  # a person's own visit notes every minute that they are still here
# Records that somebody looked and for how long, and what was counted for the page, to be counted less often.
LOOKED = {"compliance_ledgerentry", "compliance_reading", "compliance_cache"} | VISITED
COMPUTED = str(191 * 193)
Rights = Mapping[tuple[str, str], frozenset[str]]


def rights() -> dict[tuple[str, str], frozenset[str]]:
    """(method, route) → who is let in, as written down."""
    found = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if read := LINE.match(line):
            who = frozenset(EVERYONE if read[3] == "everyone" else read[3].split())
            found |= {(method, read[1]): who for method in read[2].split()}
    return found


@dataclass(frozen=True, slots=True)
class Crawl:
    """Everything that was asked, and the rights it was asked under."""

    asked: list[Asked]
    rights: Rights

    def faults(self) -> list[str]:
        """What is wrong, a sentence each; none for a sound site."""
        return [
            f"{one.method} /{one.route} as {one.caller}: {fault}" for one in self.asked for fault in self._faults(one)
        ]

    def _faults(self, one: Asked) -> Iterable[str]:
        who = self.rights.get((one.method, one.route))
        role = one.caller.removeprefix("token:")
        if one.status >= 500:
            yield f"fails with {one.status}"
        if who is None:
            if one.status != 405:
                yield f"answers {one.status} to a method that is not in the table"
        elif one.let_in != (role in who):
            yield f"{one.status}, but the table says {'let in' if role in who else 'keep out'}"
        if not one.let_in and not one.wrote <= VISITED:
            yield f"was refused and wrote to {sorted(one.wrote - VISITED)}"
        if one.method == "GET" and not one.wrote <= LOOKED:
            yield f"only looked and wrote to {sorted(one.wrote - LOOKED)}"
        yield from _unsafe(one)
        yield from self._astray(one)

    def _astray(self, one: Asked) -> Iterable[str]:
        """Links that lead nowhere, or to what this reader may not open."""
        is_page = one.headers.get("Content-Type", "").startswith("text/html")
        if one.method != "GET" or one.status != 200 or not is_page or one.caller == "stranger":
            return
        for link in sorted({found.decode().partition("?")[0].partition("#")[0] for found in LINK.findall(one.body)}):
            try:
                route = resolve(link).route
            except Resolver404:
                yield f"links to {link}, which is nowhere"
                continue
            who = self.rights.get(("GET", route))
            if who is not None and one.caller not in who:
                yield f"links to {link}, which is not for them"


def _unsafe(one: Asked) -> Iterable[str]:
    """What a browser could be made to do with this answer."""
    policy, kind = one.headers.get("Content-Security-Policy", ""), one.headers.get("Content-Type", "")
    if "sandbox" not in policy:
        if "frame-ancestors 'none'" not in policy or "unsafe" in policy:
            yield f"has the policy {policy!r}"
    elif "allow-scripts" in policy or "frame-ancestors 'self'" not in policy:
        yield f"has a leaky sandbox {policy!r}"
    if one.headers.get("X-Content-Type-Options") != "nosniff" or not one.headers.get("Referrer-Policy"):
        yield "lacks nosniff or a Referrer-Policy"
    if one.body and kind.startswith("text/") and "charset=utf-8" not in kind.lower():
        yield f"has the type {kind!r}"
    if one.route.startswith(MACHINES) and one.route not in ("api/docs/",) and kind.startswith("text/html") and one.body:
        yield "answers a program with HTML"
    if one.headers.get("Access-Control-Allow-Origin") and not one.route.startswith(("v1/", "beacon/", "pixel/")):
        yield "lets other sites read it"
    if kind.startswith("text/html") and (HOSTILE[:20].encode() in one.body or COMPUTED.encode() in one.body):
        yield "shows hostile words as markup, or computed them"


def crawl(site: Site, told: Rights, *, only: Iterable[str] | None = None) -> Crawl:
    """Ask every address in every way. only: routes, for a short look."""
    routes = [route for route, _ in addresses() if not route.startswith(DJANGOS)]
    asked = []
    for route in dict.fromkeys(routes if only is None else only):
        is_machines = route.startswith(MACHINES)
        kind = JSON if is_machines else FORM
        for method in METHODS[is_machines]:
            if (method, route) not in told:
                asked.append(site.ask(method, route, "admin", content_type=kind))
                continue
            callers = [*EVERYONE, *(f"token:{one}" for one in ROLES if is_machines)]
            asked += [site.ask(method, route, caller, content_type=kind) for caller in callers]
    return Crawl(asked, told)
