"""Staff's pages and what clients reach have names of their own where PUBLIC_URL says so; neither has the other's."""

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


def test_what_clients_reach_is_found_by_the_public_name_alone(two_names, portal):
    assert {host: status(portal, host) for host in (GO, CONSOLE)} == {GO: 200, CONSOLE: 404}
    assert {host: status("/.well-known/gpc.json", host) for host in (GO, CONSOLE)} == {GO: 200, CONSOLE: 404}


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
