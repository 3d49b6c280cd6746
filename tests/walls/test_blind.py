"""Whoever reads a text a second time finds the first verdict nowhere on the site, with a session or a token."""

from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils.timezone import now

from compliance.access import bearers
from compliance.models import ReviewItem, Role, SecondReading
from compliance.reviewing import blind, secondreadings
from tests.people import reviewer
from tests.walls.crawl import DJANGOS, FORM, JSON, MACHINES, rights
from tests.walls.site import BACKEND, Site

pytestmark = pytest.mark.django_db
NAME = "Firstreadername"
# Told to everybody who has the link, and nothing about texts under review.
OTHERS = ("v1/", "beacon/", "pixel/", "health", "version", "ofrep/", "api/schema/", "api/docs/", "sdk", "catalog")


@pytest.fixture
def drawn(site: Site) -> SecondReading:
    """The block `calm` of a message that was sent, drawn; a second editor with a session and a token."""
    site.people["editor"].last_name = NAME
    site.people["editor"].save(update_fields=["last_name"])
    item = ReviewItem.objects.get(digest=site.world.block("calm").digest)
    site.people["second"] = second = reviewer("reads-second", Role.EDITOR)
    site.browsers["second"] = Browser(raise_request_exception=False)
    site.browsers["second"].force_login(second, backend=BACKEND)
    site.tokens["second"] = "token-of-second"
    token, _ = bearers.give(
        second, name="test", scopes=bearers.scopes_of(second), expires_at=None, by="system:test", at=now(),
        secret="token-of-second",
    )  # fmt: skip
    bearers.used(token, at=now() + timedelta(days=1))
    one = secondreadings._of(item)
    secondreadings._keep([one], at=now())
    site.names |= {"item_id": str(item.pk), "number": "1", "reading_id": str(one.pk)}
    site.special |= {"slug console/blocks/": "calm", "slug api/v1/blocks/": "calm"}
    return SecondReading.objects.get(pk=one.pk)


def everything(site: Site) -> list:
    """Every address that an editor may reach, asked as the second one."""
    asked = []
    for (method, route), who in sorted(rights().items()):
        if route.startswith(DJANGOS) or not {"editor"} & who or route in blind_routes():
            continue
        for caller in ("second", "token:second") if route.startswith(MACHINES) else ("second",):
            kind = JSON if route.startswith(MACHINES) else FORM
            asked.append(site.ask(method, route, caller, **({} if method == "GET" else {"content_type": kind})))
    return asked


def blind_routes() -> set[str]:
    """Addresses that stay open to whoever reads."""
    return {
        "sign-out/", "healthz", "readyz", "review/second/<int:reading_id>/", "review/second/<int:reading_id>/mail/",
        "review/second/<int:reading_id>/decide/", "review/second/<int:reading_id>/give-back/",
    }  # fmt: skip


def test_the_first_verdict_is_nowhere_while_it_is_read_again(site: Site, drawn: SecondReading) -> None:
    before = [one.route for one in everything(site) if NAME.encode() in one.body]
    assert {"review/decided/", "review/<int:item_id>/"} <= set(before)
    taken = secondreadings.take(by=site.people["second"], at=now())
    assert taken.pk == drawn.pk

    asked = [one for one in everything(site) if not one.route.startswith(OTHERS)]

    mine = f"/review/second/{drawn.pk}/"
    assert len(asked) > 60
    told = [one for one in asked if NAME.encode() in one.body or b"approved" in one.body.lower()]
    assert [f"{one.method} {one.route} as {one.caller}" for one in told] == []
    strays = {
        f"{one.method} {one.route}: {one.status}"
        for one in asked
        if one.headers.get("Location") != mine and blind.SENTENCE.encode() not in one.body
    }
    assert strays == set()
    shown = site.ask("GET", "review/second/<int:reading_id>/", "second")
    assert (shown.status, NAME.encode() in shown.body, b"calm" in shown.body.lower()) == (200, False, True)
    assert site.ask("GET", "review/second/<int:reading_id>/mail/", "second").status == 200
    for other in ("editor", "officer", "admin", "marketer"):
        assert site.ask("GET", "review/second/<int:reading_id>/", other).status in (403, 404)

    settled = SecondReading.objects.exclude(decided_at=None).values_list("pk", flat=True)
    others = [f"/review/second/{pk}/{end}" for pk in settled for end in ("", "mail/")]
    assert others
    assert {site.browsers["second"].get(one).status_code for one in others} == {404}

    form = {"verdict": "approve", "reason": "Plain.", "seen": drawn.digest}
    browser = site.browsers["second"]
    assert browser.post(f"{mine}decide/", {**form, "verdict": ""}).status_code == 422
    assert browser.post(f"{mine}decide/", form).status_code == 302

    after = [one.route for one in everything(site) if NAME.encode() in one.body]
    assert {"review/decided/", "review/<int:item_id>/"} <= set(after)
    assert b"They agree" in browser.get(mine).content
    assert {browser.get(one).status_code for one in others} == {200}
    assert browser.get("/review/second/").status_code == 200
