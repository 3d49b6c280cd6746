"""Staff's pages and what clients reach have names of their own where PUBLIC_URL says so; mails lead to both."""

import pytest
from django.test import Client as Browser

from compliance import tokens
from compliance.models import Client
from personalize import hosts
from tests.people import NOON
from tests.walls.crawl import rights

pytestmark = pytest.mark.django_db
STAFFS = (
    "/sign-in/",
    "/sign-out/",
    "/review/outside/",
    "/api/schema/",
    "/api/docs/",
)  # open to strangers, and yet staff's
CONSOLE = "console.example"
GO = "go.example"


@pytest.fixture
def two_names(settings) -> None:
    settings.BASE_URL, settings.PUBLIC_URL = f"http://{CONSOLE}", f"http://{GO}"
    settings.ALLOWED_HOSTS = [CONSOLE, GO]


@pytest.fixture
def portal(db) -> str:
    ann = Client.objects.create(first_seen_at=NOON)
    return f"/portal/{tokens.make('portal', ann.ref)}/"


def status(path: str, host: str) -> int:
    return Browser(headers={"host": host}, raise_request_exception=False).get(path).status_code


def test_what_clients_programs_reach_is_found_by_the_public_name_alone(two_names):
    assert {host: status("/health", host) for host in (GO, CONSOLE)} == {GO: 200, CONSOLE: 404}


def test_where_mails_lead_is_found_by_both_names(two_names, portal):
    """A mail, or the plan of a run, may be older than the public name."""
    for path in (portal, "/.well-known/gpc.json", "/o/forged.gif"):
        assert {host: status(path, host) for host in (GO, CONSOLE)} == {GO: 200, CONSOLE: 200}


@pytest.mark.parametrize("public", ["http://go.example", "http://GO.Example:80", "http://go.example."])
@pytest.mark.parametrize(
    "host", ["go.example", "GO.example", "go.example.", "go.example:80", "GO.example.:80", "go.example:81"]
)
def test_one_name_has_many_spellings(settings, public, host):
    settings.BASE_URL, settings.PUBLIC_URL = f"http://{CONSOLE.upper()}:80", public
    settings.ALLOWED_HOSTS = [CONSOLE, GO]

    assert (status("/health", host), status("/sign-in/", host)) == (200, 404)
    for console in (CONSOLE, CONSOLE.upper(), f"{CONSOLE}.", f"{CONSOLE}:80"):
        assert (status("/health", console), status("/sign-in/", console)) == (404, 200)


def test_two_ports_of_one_name_are_two_names(settings):
    settings.BASE_URL, settings.PUBLIC_URL = f"http://{GO}", f"http://{GO}:8001"
    settings.ALLOWED_HOSTS = [GO]

    assert {host: status("/health", host) for host in (GO, f"{GO}:80", f"{GO}:8001")} == {
        GO: 404, f"{GO}:80": 404, f"{GO}:8001": 200,
    }  # fmt: skip


@pytest.mark.parametrize("path", ["/sign-in/", "/admin/login/", "/api/schema/", "/console/", "/", "/api/v1/campaigns"])
def test_what_staff_reach_is_not_found_by_the_public_name(two_names, path):
    assert status(path, CONSOLE) != 404
    assert status(path, GO) == 404


def test_those_who_watch_ask_either_name(two_names):
    assert {host: status("/healthz", host) for host in (GO, CONSOLE)} == {GO: 200, CONSOLE: 200}
    assert status("/healthz", "elsewhere.example") == 400


def test_with_one_name_everything_is_found_there(portal, settings):
    assert settings.PUBLIC_URL == settings.BASE_URL
    assert [status(path, "testserver") for path in (portal, "/sign-in/", "/healthz")] == [200, 200, 200]


def test_every_address_that_strangers_reach_was_given_a_name():
    """Whoever adds an open address says in `personalize/hosts.py` whose it is, or here that it is staff's."""
    open_ones = {f"/{route}" for (_, route), who in rights().items() if "stranger" in who}
    closed = {f"/{route}" for (_, route), who in rights().items() if "stranger" not in who}

    assert {
        one for one in open_ones - set(hosts.SHARED) if not hosts.is_public(one) and not one.startswith(STAFFS)
    } == set()
    assert {one for one in closed if hosts.is_public(one)} == set()
