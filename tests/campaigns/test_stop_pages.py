"""The page of the kill switches: who may throw and release what, and that everybody sees what is stopped."""

import pytest
from django.test import Client as Browser

from compliance import stops
from compliance.models import Staff, Stop
from tests.campaigns.world import World

pytestmark = pytest.mark.django_db
NEW = "/compliance/stops/new/"


def throw(browser: Browser, **asked: str) -> int:
    return browser.post(NEW, {"scope": "campaign", "target": "guide", "reason": "wrong rate", **asked}).status_code


def test_an_officer_stops_and_two_start_again(client: Browser, officer: Staff, editor: Staff) -> None:
    client.force_login(officer)
    assert throw(client, scope="everything", target="") == 302
    assert b"Everything is stopped" in client.get("/review/").content
    switch = Stop.objects.get()
    release = f"/compliance/stops/{switch.pk}/release/"

    assert client.post(release).status_code == 302
    assert client.post(release).status_code == 403
    assert stops.thrown().everything
    client.force_login(editor)
    assert client.post(release).status_code == 302
    assert not stops.thrown()
    assert client.post(release).status_code == 409
    assert b"Everything is stopped" not in client.get("/review/").content


def test_a_marketer_stops_their_own_campaign_and_nothing_else(client: Browser, world: World, marketer2: Staff) -> None:
    world.campaign()
    client.force_login(marketer2)
    assert throw(client) == 403
    client.force_login(world.marketer)
    assert throw(client, scope="everything", target="") == 403
    assert throw(client, target="not-there") == 403
    assert not Stop.objects.exists()

    assert throw(client) == 302
    assert Stop.objects.get().target == "guide"
    assert client.post(f"/compliance/stops/{Stop.objects.get().pk}/release/").status_code == 403
    assert stops.thrown()


def test_a_switch_that_says_too_little_says_so_and_keeps_what_was_typed(client: Browser, officer: Staff) -> None:
    client.force_login(officer)

    refused = client.post(NEW, {"scope": "channel", "target": "pigeon", "reason": "x"})

    assert refused.status_code == 422
    assert "There is no channel “pigeon”." in refused.content.decode()
    assert 'value="pigeon"' in refused.content.decode()
    assert not Stop.objects.exists()
