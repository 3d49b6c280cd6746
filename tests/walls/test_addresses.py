"""No address of a page names a client: not by the firm's own key, which may be an e-mail address, nor otherwise."""

import re

import pytest

from compliance.models import Client
from tests.walls.crawl import DJANGOS, MACHINES, rights
from tests.walls.site import Site

pytestmark = pytest.mark.django_db
LINKED = re.compile(r'(?:href|src|action|hx-[a-z]+)="([^"]*)"')
NAMES = {"user_id": "ann.hidden@mail.example", "email": "ann.hidden@mail.example", "last_name": "Hiddenson"}


def test_no_link_of_any_page_names_a_client(site: Site) -> None:
    Client.objects.filter(user_id="u1").update(**NAMES)
    pages = [
        (route, who)
        for (method, route), may in sorted(rights().items())
        if method == "GET" and not route.startswith((DJANGOS, *MACHINES))
        for who in ("marketer", "officer")
        if who in may
    ]

    asked = [site.ask("GET", route, who) for route, who in pages]

    assert len(asked) > 60
    assert any(NAMES["email"].encode() in one.body for one in asked)  # it stands on pages
    linked = [(one.route, link) for one in asked for link in LINKED.findall(one.body.decode("utf-8", "replace"))]
    linked += [(one.route, one.headers.get("Location", "")) for one in asked]
    assert [one for one in linked if re.search("hidden", one[1], re.IGNORECASE)] == []
