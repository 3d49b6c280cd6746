"""What comes back: people apart from machines, opt-outs before the answer, links only where approved words lead."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from campaigns import runs, tracking
from campaigns.models import Chunk, Interaction, Message
from campaigns.sending import delivery
from compliance import consent, tokens
from compliance.models import Channel, Purpose
from personalize import profiles
from tests.campaigns.world import World

PERSON = tracking.Visitor("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "GET", is_prefetch=False)
KIND = Interaction.Kind


@pytest.fixture
def sent(world: World, smtp_sink: object) -> Message:
    """A message that the mail server took, to a client who lets us measure."""
    client = world.client(1)
    consent.grant(
        client.pk, purpose=Purpose.MEASUREMENT, channel=Channel.ANY, wording="portal-measurement-1", surface="portal",
        mechanism="checkbox", by=f"client:{client.pk}", at=world.at - timedelta(days=3),
    )  # fmt: skip
    run = runs.launch(world.campaign(), by=world.marketer, at=world.at)
    runs.assemble(Chunk.objects.get(run=run).pk, at=world.at)
    delivery.send(limit=10, at=world.at)
    return Message.objects.select_related("variant").get(run=run, state="sent")


@pytest.mark.parametrize(
    ("agent", "method", "is_prefetch", "after_s", "kind"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0", "GET", False, 60, "human"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0", "HEAD", False, 60, "scanner"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0", "GET", True, 60, "prefetch"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0", "GET", False, 1, "scanner"),
        ("Barracuda Sentinel (EE)", "GET", False, 60, "scanner"),
        ("Mozilla/5.0 (via ggpht.com GoogleImageProxy)", "GET", False, 60, "proxy"),
        ("Mozilla/5.0", "GET", False, 60, "proxy"),
        ("", "GET", False, 60, "scanner"),
    ],
)
def test_machines_are_told_from_people(
    world: World, agent: str, method: str, is_prefetch: bool, after_s: int, kind: str
) -> None:
    visitor = tracking.Visitor(agent, method, is_prefetch)

    assert tracking.classify(visitor, sent_at=world.at, at=world.at + timedelta(seconds=after_s)) == kind


def test_a_person_opens_once(sent: Message) -> None:
    later = sent.sent_at + timedelta(minutes=5)

    first = tracking.opened(sent.pk, visitor=PERSON, at=later)
    second = tracking.opened(sent.pk, visitor=PERSON, at=later)

    assert (first, second) == (True, False)
    assert list(Interaction.objects.values_list("kind", "actor_class")) == [("open", "human")]


def test_a_client_who_does_not_let_us_measure_leaves_no_trace(sent: Message) -> None:
    later = sent.sent_at + timedelta(minutes=5)
    consent.withdraw(
        sent.client_id, purpose=Purpose.MEASUREMENT, channel=Channel.ANY, surface="portal", mechanism="button",
        by=f"client:{sent.client_id}", at=sent.sent_at,
    )  # fmt: skip

    target = tracking.clicked(sent.pk, 0, visitor=PERSON, at=later)

    assert target == sent.variant.links[0]
    assert not Interaction.objects.exists()


def test_a_click_leads_only_to_a_link_of_the_approved_words(sent: Message, client: Browser) -> None:
    good = client.get(f"/c/{tokens.make('click', sent.pk, 0)}", headers={"user-agent": PERSON.agent})
    other_number = client.get(f"/c/{tokens.make('click', sent.pk, 9)}")
    other_purpose = client.get(f"/c/{tokens.make('open', sent.pk, 0)}")
    forged = client.get("/c/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")

    assert (good.status_code, good["Location"]) == (302, sent.variant.links[0])
    assert [one.status_code for one in (other_number, other_purpose, forged)] == [404, 404, 404]


def test_the_pixel_answers_the_same_picture_for_true_and_forged_tokens(sent: Message, client: Browser) -> None:
    true = client.get(f"/o/{tokens.make('open', sent.pk)}.gif")
    forged = client.get("/o/nonsense.gif")

    assert (true.status_code, true.content) == (forged.status_code, forged.content)
    assert true["Content-Type"] == "image/gif"


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_at_the_unsubscribe_page_changes_nothing(sent: Message, client: Browser, method: str) -> None:
    answer = getattr(client, method)(f"/u/{tokens.make('unsubscribe', sent.pk)}")

    assert answer.status_code == 200
    assert consent.may_send(sent.client_id, purpose=Purpose.MARKETING, channel=Channel.EMAIL, at=sent.sent_at).ok
    assert not Interaction.objects.exists()


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
def test_one_click_is_in_force_before_the_page_answers(sent: Message, content_type: str) -> None:
    browser = Browser(enforce_csrf_checks=True)
    body = (
        '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
        if "multipart" in content_type
        else "List-Unsubscribe=One-Click"
    )

    answer = browser.post(f"/u/{tokens.make('unsubscribe', sent.pk)}", body, content_type=content_type)

    assert answer.status_code == 200
    later = sent.sent_at + timedelta(days=400)
    assert not consent.may_send(sent.client_id, purpose=Purpose.MARKETING, channel=Channel.EMAIL, at=later).ok
    assert list(Interaction.objects.values_list("kind", flat=True)) == [KIND.UNSUBSCRIBE]


def test_one_click_works_under_the_name_it_was_mailed_with(sent: Message, settings: Any) -> None:
    """The public name came after the mail."""
    settings.PUBLIC_URL = "http://go.example"
    browser = Browser(enforce_csrf_checks=True)

    answer = browser.post(f"/u/{tokens.make('unsubscribe', sent.pk)}", {"List-Unsubscribe": "One-Click"})

    assert answer.status_code == 200
    assert not consent.may_send(sent.client_id, purpose=Purpose.MARKETING, channel=Channel.EMAIL, at=sent.sent_at).ok


def test_unsubscribing_twice_is_one_unsubscription(sent: Message, client: Browser) -> None:
    link = f"/u/{tokens.make('unsubscribe', sent.pk)}"

    answers = [client.post(link, {"List-Unsubscribe": "One-Click"}).status_code for _ in range(2)]

    assert answers == [200, 200]
    assert Interaction.objects.filter(kind=KIND.UNSUBSCRIBE).count() == 1


def test_a_forged_unsubscribe_token_is_not_found(sent: Message, client: Browser) -> None:
    answer = client.post(f"/u/{tokens.make('click', sent.pk)}", {"List-Unsubscribe": "One-Click"})

    assert answer.status_code == 404
    assert consent.may_send(sent.client_id, purpose=Purpose.MARKETING, channel=Channel.EMAIL, at=sent.sent_at).ok


def test_the_why_page_says_what_led_to_it(sent: Message, client: Browser) -> None:
    answer = client.get(f"/w/{tokens.make('why', sent.pk)}")

    assert answer.status_code == 200
    assert "You agreed to hear from us" in answer.content.decode()


def test_counts_of_sends_and_opens_follow_and_age(sent: Message) -> None:
    later = sent.sent_at + timedelta(minutes=5)
    tracking.opened(sent.pk, visitor=PERSON, at=later)

    changed = [tracking.count_engagement(at=later), tracking.count_engagement(at=later)]
    known = {one.key: one.value for one in profiles.known(sent.client_id)}
    tracking.count_engagement(at=later + timedelta(days=91))
    aged = {one.key: one.value for one in profiles.known(sent.client_id)}

    assert changed == [1, 0]
    assert (known["sends_90d"], known["opens_90d"]) == (1, 1)
    assert (aged["sends_90d"], aged["opens_90d"]) == (0, 0)
