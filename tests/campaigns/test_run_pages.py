"""What marketers see of a run and of a message."""

import pytest
from django.test import Client as Browser

from campaigns import runs
from campaigns.models import Chunk, Message, Run
from campaigns.sending import delivery
from tests.campaigns.sink import Sink
from tests.campaigns.world import World


@pytest.fixture
def run(world: World, sink: Sink) -> Run:
    """A run with one message sent, one not sent and one unconfirmed."""
    world.client(1, risk_tolerance="cautious")
    world.client(2, consented=False)
    sink.at_dot[world.client(3).email] = "drop"
    made = runs.launch(world.campaign(), by=world.marketer, at=world.at)
    for chunk in Chunk.objects.filter(run=made):
        runs.assemble(chunk.pk, at=world.at)
    delivery.send(limit=9, at=world.at)
    return made


@pytest.fixture
def browser(world: World) -> Browser:
    """The marketer's."""
    browser = Browser()
    browser.force_login(world.marketer, backend="django.contrib.auth.backends.ModelBackend")
    return browser


def test_the_run_page_shows_where_everybody_is_and_why(run: Run, browser: Browser) -> None:
    shown = browser.get(f"/console/runs/{run.pk}/").content.decode()
    part = browser.get(f"/console/runs/{run.pk}/", headers={"HX-Request": "true"}).content.decode()

    assert "The client has not said yes, and no answer means no." in shown
    assert "3 = 1 sent + 1 not sent + 0 held + 0 failed + 0 waiting + 1 unconfirmed." in shown
    assert part.strip().startswith('<section class="card" id="numbers"')
    assert "<html" not in part


@pytest.mark.parametrize(("state", "n"), [("", 3), ("sent", 1), ("suppressed", 1), ("unconfirmed", 1), ("held", 0)])
def test_the_list_is_filtered_by_state(run: Run, browser: Browser, state: str, n: int) -> None:
    shown = browser.get(f"/console/runs/{run.pk}/?state={state}&after=x").content.decode()

    assert shown.count("/console/messages/") == n


def test_stopping_ends_the_polling_and_is_refused_twice(run: Run, browser: Browser) -> None:
    first = browser.post(f"/console/runs/{run.pk}/stop/", headers={"HX-Request": "true"})
    second = browser.post(f"/console/runs/{run.pk}/stop/")

    assert (first.status_code, second.status_code) == (200, 409)
    assert b"every 2s" not in first.content
    assert b"Stopped by" in first.content


@pytest.mark.parametrize("state", ["sent", "suppressed", "unconfirmed"])
def test_a_message_tells_its_whole_story(run: Run, browser: Browser, state: str) -> None:
    message = Message.objects.get(run=run, state=state)

    shown = browser.get(f"/console/messages/{message.pk}/")

    assert shown.status_code == 200
    said = shown.content.decode()
    assert "In the audience" in said
    if state == "suppressed":
        assert "no answer means no" in said
    else:
        assert "Rebuilt byte for byte" in said
        assert "It is kept for clients to whom nothing else is open." in said
        mail = browser.get(f"/console/messages/{message.pk}/mail/")
        assert "sandbox" in mail["Content-Security-Policy"]
        assert b"step by step" in mail.content or b"your plan" in mail.content
        assert b"/o/" not in mail.content  # looking is not opening


def test_the_profile_of_a_client_lists_what_they_got(run: Run, browser: Browser) -> None:
    message = Message.objects.select_related("client", "variant").get(run=run, state="sent")

    said = browser.get(f"/console/clients/{message.client.ref}/").content.decode()

    assert f"/console/messages/{message.pk}/" in said
    assert "Message object" not in said  # the page's own list is not mistaken for Django's notices


def test_a_person_resolves_an_unconfirmed_message_once(run: Run, browser: Browser) -> None:
    message = Message.objects.get(run=run, state="unconfirmed")
    address = f"/console/messages/{message.pk}/resolve/"

    answers = [browser.post(address, {"delivered": word}).status_code for word in ("perhaps", "yes", "no")]

    assert answers == [422, 302, 409]
    assert runs.counts(run.pk) == runs.Counts(audience=3, sent=2, suppressed={"unknown": 1})


def test_a_stranger_is_sent_to_sign_in(run: Run) -> None:
    message = Message.objects.filter(run=run).first()

    for address in (f"/console/runs/{run.pk}/", f"/console/messages/{message.pk}/"):
        assert Browser().get(address).status_code == 302
