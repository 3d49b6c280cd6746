"""Who may do what is what `docs/rights.md` says; no answer, to whoever it goes, can be turned against its reader."""

import pytest
from django.test import Client as Browser
from django.test import override_settings

from tests.walls import planted
from tests.walls.crawl import DJANGOS, FORM, JSON, MACHINES, VISITED, Crawl, crawl, rights
from tests.walls.site import BACKEND, Site, addresses, written

pytestmark = pytest.mark.django_db
# Changes that carry no form token, and what they carry instead: see the last column of docs/rights.md.
TOKENLESS = ("v1/", "beacon/", "u/", "portal/", "copy/", "hooks/")
CHANGES = sorted(one for one in rights() if one[0] != "GET" and not one[1].startswith(DJANGOS))


def test_every_address_has_a_line_and_every_line_an_address() -> None:
    assert unwritten() == set()


def unwritten() -> set[str]:
    """Addresses without a line, and lines without an address."""
    ours = {route for route, _ in addresses() if not route.startswith(DJANGOS)}
    return ours ^ {route for _, route in rights() if not route.startswith(DJANGOS)}


def test_everybody_is_let_in_where_the_table_says_and_nowhere_else(crawled: Crawl) -> None:
    assert crawled.faults() == []


@override_settings(ROOT_URLCONF="tests.walls.planted")
def test_every_planted_hole_is_found(site: Site) -> None:
    found = crawl(site, rights(), only=planted.HOLES).faults()

    assert {route for route in planted.HOLES if not any(f"/{route} as" in fault for fault in found)} == set()
    assert unwritten() == {planted.UNKNOWN}
    assert forged(site) == [f"POST {planted.FORGED}"]


def test_nothing_is_changed_without_a_form_token(site: Site) -> None:
    assert forged(site) == []


def forged(site: Site) -> list[str]:
    """Changes that another site's page could make with the session of whoever may make them."""
    fooled = Browser(enforce_csrf_checks=True, raise_request_exception=False)
    fooled.force_login(site.people["officer"], backend=BACKEND)
    site.browsers["fooled"] = fooled
    site.written = written()
    asked = [
        site.ask(method, route, "fooled", content_type=JSON if route.startswith(MACHINES) else FORM)
        for method, route in CHANGES
        if not route.startswith(TOKENLESS)
    ]
    return [f"{one.method} {one.route}" for one in asked if one.status != 403 or not one.wrote <= VISITED]


def test_a_part_asked_for_without_a_session_leads_to_the_door(site: Site) -> None:
    pages = [one for one in rights().items() if "stranger" not in one[1] and not one[0][1].startswith(MACHINES)]
    sent = {"HX-Request": "true", "HX-Current-URL": "http://testserver/console/runs/1/?state=sent"}

    asked = [site.ask(method, route, "stranger", headers=sent) for (method, route), _ in pages]

    assert {(one.status, one.headers.get("HX-Redirect"), one.body) for one in asked} == {
        (401, "/sign-in/?next=%2Fconsole%2Fruns%2F1%2F", b"")
    }


def test_nobody_but_an_administrator_comes_into_djangos_own_pages(site: Site) -> None:
    pages = [route for route, _ in addresses() if route.startswith(DJANGOS) and "<" not in route]
    outside = [site.ask("GET", route, who) for route in pages for who in ("stranger", "marketer", "editor", "officer")]

    assert [one for one in outside if one.let_in and not one.route.startswith(("admin/login", "admin/logout"))] == []
    assert site.ask("GET", "admin/", "admin").status == 200
