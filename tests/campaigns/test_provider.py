"""Notices of mail providers: signed or refused, believed once, in any order."""

import base64
import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils.timezone import now
from pytest_django import Settings

from campaigns import runs
from campaigns.models import Interaction, Message, ProviderEvent, Run
from campaigns.provider import esp, events, signing, stopwords
from campaigns.provider.events import Outcome
from campaigns.sending import delivery
from compliance import consent, contact
from compliance.models import Channel, LedgerEntry, Staff, Suppression
from tests.campaigns.sink import Sink
from tests.campaigns.world import World

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"fedcba9876543210fedcba9876543210").decode()
DOOR = "/hooks/mail/"


@pytest.fixture
def door(settings: Settings, browser: Browser) -> Browser:
    settings.MAIL_WEBHOOK_SECRETS = [SECRET]
    return browser


@pytest.fixture
def browser() -> Browser:
    return Browser()


def said(browser: Browser, *told: dict[str, Any], id: str = "n1", secret: str = SECRET, age_s: int = 0, **headers: str):
    body = json.dumps({"events": list(told)}).encode()
    seconds = int(now().timestamp()) - age_s
    sent = {
        "webhook-id": id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": signing.sign(secret, id=id, seconds=seconds, body=body),
        **headers,
    }
    return browser.post(DOOR, body, content_type="application/json", headers=sent)


def event(kind: str, message: Message | None = None, **more: Any) -> dict[str, Any]:
    about = {"key": str(message.pk), "recipient": message.address} if message else {}
    return {"type": kind, "at": now().isoformat(), **about, **more}


def sent_run(world: World, sink: Sink, n: int = 1, **fields: Any) -> Run:
    for number in range(n):
        world.client(number)
    run = runs.launch(world.campaign(**fields), by=world.marketer, at=world.at)
    for chunk in run.chunks.all():
        runs.assemble(chunk.pk, at=world.at)
    delivery.send(limit=1000, at=world.at, seconds=60)
    return run


def test_a_signature_of_the_specification_itself_is_right() -> None:
    # The worked example of github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
    assert signing.sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        seconds=1614265330,
        body=b'{"test": 2432232314}',
    ) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="  # fmt: skip


@pytest.mark.parametrize(("age_s", "holds"), [(300, True), (-300, True), (301, False), (-301, False)])
def test_a_notice_counts_for_five_minutes_either_way(age_s: int, holds: bool) -> None:
    at, body = datetime(2026, 11, 23, 12, tzinfo=UTC), b"{}"
    seconds = int(at.timestamp()) - age_s
    signature = signing.sign(SECRET, id="n1", seconds=seconds, body=body)

    with nullcontext() if holds else pytest.raises(signing.BadSignature, match="five minutes"):
        signing.verify([SECRET], id="n1", seconds=str(seconds), signatures=signature, body=body, at=at)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"secret": OLD_SECRET}, 401),
        ({"age_s": 301}, 401),
        ({"age_s": -330}, 401),  # the clock runs on before it is read; the exact bound: above
        ({"webhook-signature": ""}, 401),
        ({"webhook-signature": "v1,nonsense v1,é"}, 401),
        ({"webhook-timestamp": "soon"}, 401),
        ({"webhook-id": ""}, 401),
        ({"id": "other", "webhook-id": "n1"}, 401),
    ],
)
def test_a_notice_that_is_not_signed_right_writes_nothing(change: dict[str, Any], status: int, door: Browser) -> None:
    told = event("complained", recipient="a@b.example")

    refused = said(door, told, **change)

    assert refused.status_code == status
    assert not ProviderEvent.objects.exists()
    assert not Suppression.objects.exists()
    assert said(door, told).json() == {"taken": {"applied": 1}}
    assert Suppression.objects.count() == 1


@pytest.mark.django_db
def test_the_doors_are_shut_until_a_secret_is_set(browser: Browser, settings: Settings) -> None:
    settings.MAIL_WEBHOOK_SECRETS, settings.MAIL_PROVIDER = [], ""

    assert said(browser, event("delivered")).status_code == 404
    assert browser.post("/hooks/anymail/postmark/", b"{}", content_type="application/json").status_code == 404
    settings.MAIL_PROVIDER = "postmark"  # still without a password
    assert browser.post("/hooks/anymail/postmark/", b"{}", content_type="application/json").status_code == 404


@pytest.mark.django_db
def test_a_secret_can_be_changed_without_losing_a_notice(door: Browser, settings: Settings) -> None:
    settings.MAIL_WEBHOOK_SECRETS = [SECRET, OLD_SECRET]

    assert said(door, event("delivered"), secret=OLD_SECRET).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"events": []}',
        b'{"events": [{"type": "sold"}]}',
        b'{"events": [{"type": "bounced", "at": "2026-01-01"}]}',
        b'{"events": [{"type": "bounced", "at": "2026-01-01T00:00:00Z", "key": "\\u0000"}]}',
        b'{"events": [{"type": "bounced", "at": "2026-01-01T00:00:00Z", "key": "\\ud800"}]}',
        b"[" * 3000,
        b"\xff\xfe",
    ],
)
def test_what_cannot_be_read_is_refused_by_name_and_writes_nothing(body: bytes, door: Browser) -> None:
    seconds = int(now().timestamp())
    sent = {
        "webhook-id": "n1",
        "webhook-timestamp": str(seconds),
        "webhook-signature": signing.sign(SECRET, id="n1", seconds=seconds, body=body),
    }

    answered = door.post(DOOR, body, content_type="application/json", headers=sent)

    assert answered.status_code == 400
    assert answered.json()["error"]
    assert not ProviderEvent.objects.exists()


def test_a_complaint_suppresses_and_is_believed_once(world: World, sink: Sink, door: Browser) -> None:
    sent_run(world, sink)
    message = Message.objects.get()

    first = said(door, event("complained", message, id="c1", detail="<script>alert(1)</script>\r\nX: y"))
    again = said(door, event("complained", message, id="c1"), id="n2")

    assert (first.json(), again.json()) == ({"taken": {"applied": 1}}, {"taken": {"repeated": 1}})
    assert [one.reason for one in Suppression.objects.all()] == ["complaint"]
    kept = Interaction.objects.get(kind="complaint")
    assert kept.detail == "<script>alert(1)</script> X: y"
    assert LedgerEntry.objects.filter(kind="suppression.added").count() == 1
    assert consent.may_send(message.client_id, purpose="marketing", channel="email", at=now()).reason == "suppressed"


def test_the_same_notice_sent_twice_at_the_door_changes_nothing(world: World, sink: Sink, door: Browser) -> None:
    sent_run(world, sink)
    told = event("bounced", Message.objects.get(), hard=True)

    assert said(door, told).json() == {"taken": {"applied": 1}}
    assert said(door, told).json() == {"taken": {"repeated": 1}}
    assert Interaction.objects.count() == 1


def test_text_of_a_provider_is_shown_as_text(
    world: World, sink: Sink, door: Browser, client: Browser, marketer: Staff
) -> None:
    sent_run(world, sink)
    message = Message.objects.get()
    said(door, event("bounced", message, detail="<img src=x onerror=alert(1)>"))
    client.force_login(marketer)

    shown = client.get(reverse("message", args=[message.pk])).content.decode()

    assert "<img src=x" not in shown


@pytest.mark.parametrize("order", [("delivered", "bounced", "complained"), ("complained", "bounced", "delivered")])
def test_the_order_of_notices_does_not_matter(order: tuple[str, ...], world: World, sink: Sink, door: Browser) -> None:
    sent_run(world, sink)
    message = Message.objects.get()

    for number, kind in enumerate(order):
        said(door, event(kind, message, hard=True), id=f"n{number}")

    message.refresh_from_db()
    assert message.state == "sent"
    assert sorted(one.kind for one in Interaction.objects.all()) == ["bounce", "complaint"]
    assert Suppression.objects.count() == 1


def test_a_delivery_is_evidence_for_a_message_in_doubt(world: World, sink: Sink, door: Browser) -> None:
    sink.at_dot["client0@mail.example"] = "drop"
    run = sent_run(world, sink)
    message = Message.objects.get()
    assert message.state == "unconfirmed"

    said(door, event("delivered", message))
    delivery.reap(at=now() + timedelta(days=1))

    message.refresh_from_db()
    assert (message.state, message.reason) == ("sent", "provider_said_so")
    assert runs.counts(run.pk) == runs.Counts(audience=1, sent=1)
    assert len(sink.mails) == 1


def test_a_soft_bounce_suppresses_nobody(world: World, sink: Sink, door: Browser) -> None:
    sent_run(world, sink)

    said(door, event("bounced", Message.objects.get(), hard=False, detail="452 4.2.2 mailbox full"))

    assert not Suppression.objects.exists()
    assert Interaction.objects.get().kind == "bounce"


def test_an_unsubscription_at_the_provider_is_a_withdrawal(world: World, sink: Sink, door: Browser) -> None:
    sent_run(world, sink)
    message = Message.objects.get()

    said(door, event("unsubscribed", message))

    answer = consent.may_send(message.client_id, purpose="marketing", channel="email", at=now())
    assert (answer.ok, answer.reason) == (False, "withdrawn")


@pytest.mark.django_db
def test_a_complaint_about_no_message_of_ours_still_suppresses_the_address(door: Browser) -> None:
    assert said(door, event("complained", recipient="A.b@Bücher.example")).json() == {"taken": {"applied": 1}}

    kept = Suppression.objects.get()
    assert bytes(kept.contact_hmac) == contact.key("a.b@bücher.example", Channel.EMAIL)


@pytest.mark.parametrize(
    ("words", "is_no"),
    [
        ("STOP", True), ("stop.", True), ("Stopp", True), ("Please stop", True), ("STOPALL", True), ("quit", True),
        ("END", True), ("revoke", True), ("opt out", True), ("opt-out", True), ("Opt me out!", True), ("CANCEL", True),
        ("unsubscribe", True), ("don’t text me again", True), ("do not contact me", True), ("leave me alone", True),
        ("take me off your list", True), ("wrong number", True), ("No more texts please", True), ("\n stop\n", True),
        ("Thanks, that helped", False), ("yes", False), ("", False), ("What does my plan cost?", False),
        ("Non-stop great service", False), ("I will send the form in the weekend", False),
    ],
)  # fmt: skip
def test_any_reasonable_no_is_a_no(words: str, is_no: bool) -> None:
    assert stopwords.revokes(words) is is_no


@pytest.mark.django_db
def test_stop_by_text_suppresses_the_number_however_it_is_written(door: Browser) -> None:
    told = event("reply", channel="sms", recipient="+44 7700 900123", detail="Please STOP texting me")

    assert said(door, told).json() == {"taken": {"applied": 1}}
    assert said(door, event("reply", channel="sms", recipient="+447700900999", detail="Hi"), id="n2").json() == {
        "taken": {"nothing": 1}
    }

    kept = Suppression.objects.get()
    assert (kept.channel, bytes(kept.contact_hmac)) == ("sms", contact.key("447700900123", Channel.SMS))


# -- django-anymail ----------------------------------------------------------------------------------------------


@pytest.fixture
def postmark(settings: Settings) -> dict[str, str]:
    settings.MAIL_PROVIDER = "postmark"
    settings.ANYMAIL = {"WEBHOOK_SECRET": ["provider:long-and-secret"]}
    return {"Authorization": "Basic " + base64.b64encode(b"provider:long-and-secret").decode()}


def bounce_of(message: Message) -> dict[str, Any]:
    """The shape of postmarkapp.com/developer/webhooks/bounce-webhook."""
    return {
        "RecordType": "Bounce", "ID": 42, "Type": "HardBounce", "TypeCode": 1, "MessageID": "00000000-0000-0000-aaaa",
        "Metadata": {"personalize_key": str(message.pk)}, "Email": message.address, "From": "a@b.example",
        "BouncedAt": "2026-01-16T16:33:54.9070259Z", "Description": "The server was unable to deliver your message",
        "Details": "smtp;550 5.1.1 The email account that you tried to reach does not exist", "Inactive": True,
    }  # fmt: skip


def test_a_bounce_by_anymail_suppresses_once(
    world: World, sink: Sink, browser: Browser, postmark: dict[str, str]
) -> None:
    sent_run(world, sink)
    message = Message.objects.get()

    def notify(headers: dict[str, str]):
        return browser.post(
            "/hooks/anymail/postmark/", bounce_of(message), content_type="application/json", headers=headers
        )

    strangers = [notify({}), notify({"Authorization": "Basic " + base64.b64encode(b"provider:guess").decode()})]
    assert [one.status_code for one in strangers] == [401, 401]
    assert not ProviderEvent.objects.exists()

    assert notify(postmark).json() == {"taken": {"applied": 1}}
    assert notify(postmark).json() == {"taken": {"repeated": 1}}

    assert [one.reason for one in Suppression.objects.all()] == ["hard_bounce"]
    assert ProviderEvent.objects.get().message_id == message.pk
    assert browser.post("/hooks/anymail/mailgun/", headers=postmark).status_code == 404
    assert browser.get("/hooks/anymail/postmark/", headers=postmark).status_code == 405


GARBAGE = (b"", b"[]", b"7", b"{}", b'{"RecordType": 3}', b"\xff", b"[" * 3000, b'{"ID": "\\u0000"}')


@pytest.mark.django_db
@pytest.mark.parametrize("provider", sorted(esp.VIEWS))
def test_garbage_from_a_provider_is_never_a_fault_of_ours(
    provider: str, browser: Browser, postmark: dict[str, str], settings: Settings
) -> None:
    settings.MAIL_PROVIDER = provider
    where = f"/hooks/anymail/{provider}/"

    found = {
        browser.post(where, body, content_type="application/json", headers=postmark).status_code for body in GARBAGE
    }

    assert found <= {200, 400, 401}
    assert not Suppression.objects.exists()


def test_the_same_facts_are_the_same_event() -> None:
    assert events.identity("a", "b") == events.identity("a", "b") != events.identity("ab", "")
    assert Outcome.REPEATED == "repeated"
