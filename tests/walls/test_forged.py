"""What somebody claims: fields they may not set, rewards nobody earned, lines in the log that nobody wrote."""

import json
import logging

import pytest
from django.test import RequestFactory
from django.urls import resolve
from django.utils.timezone import now

from campaigns.models import BlockVersion, Campaign, Interaction, Message
from compliance import consent, tokens
from compliance.models import Channel, Client, Purpose
from personalize.logs import EventFormatter
from personalize.models import Event, Outcome, QuarantinedItem
from tests.walls.crawl import JSON
from tests.walls.site import WRITE_KEY, Site

pytestmark = pytest.mark.django_db
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"


def test_fields_that_a_call_does_not_list_change_nothing(site: Site) -> None:
    browser, told = site.browsers["marketer"], {"owner": "admin", "owner_id": 1, "state": "running", "id": 1}
    campaign = {
        "slug": "grabbed", "name": "Grabbed", "use_case": "onboarding", "success_metric": "x",
        "objective": {"outcome": 1.0}, "blocks": [], **told, "made_at": "2001-01-01T00:00:00Z", "desk": "wealth",
    }  # fmt: skip
    block = {
        "slug": "grabbed", "slot": "body", "body": "Plain words.", **told, "author": "admin", "approved_by": 1,
        "published_at": "2001-01-01T00:00:00Z", "digest": "0" * 64, "number": 7, "archived_at": "2001-01-01T00:00:00Z",
    }  # fmt: skip

    assert browser.post("/api/v1/campaigns", json.dumps(campaign), content_type=JSON).status_code == 201
    assert browser.post("/api/v1/blocks", json.dumps(block), content_type=JSON).status_code == 201

    made, version = Campaign.objects.get(slug="grabbed"), BlockVersion.objects.get(block__slug="grabbed")
    assert (made.owner, made.state, made.made_at.year) == (site.people["marketer"], "draft", now().year)
    assert (version.author, version.published_at, version.number) == (site.people["marketer"], None, 1)
    assert version.digest != "0" * 64
    assert version.block.archived_at is None


def test_traits_from_outside_make_nobody_somebody_else(site: Site) -> None:
    before = Client.objects.filter(user_id="u1").values("pk", "ref", "erased_at", "merged_into_id").get()
    traits = {"id": 1, "pk": 1, "ref": "0" * 32, "merged_into": 1, "erased_at": "2001-01-01", "is_staff": True}

    sent = send(site, "identify", {"userId": "u1", "traits": traits})

    assert sent == 200
    assert Client.objects.filter(user_id="u1").values("pk", "ref", "erased_at", "merged_into_id").get() == before


def send(site: Site, kind: str, body: dict[str, object]) -> int:
    sent = {**body, "writeKey": WRITE_KEY}
    return site.browsers["stranger"].post(f"/v1/{kind}", json.dumps(sent), content_type=JSON).status_code


def test_nobody_earns_a_reward_for_somebody_else(site: Site) -> None:
    message = Message.objects.select_related("client").get(pk=site.names["message_id"])
    for person in Client.objects.filter(user_id__in=["u1", "u3"]):
        consent.grant(
            person.pk, purpose=Purpose.MEASUREMENT, channel=Channel.ANY, wording="portal-measurement-1",
            surface="portal", mechanism="checkbox", by=f"client:{person.pk}", at=now(),
        )  # fmt: skip
    stranger, click = site.browsers["stranger"], tokens.make("click", message.pk)
    forged = click[:-1] + ("A" if click[-1] != "A" else "B")

    def earned() -> tuple[int, int, int]:
        human = Interaction.objects.filter(is_human=True)
        return human.filter(kind="open").count(), human.filter(kind="click").count(), Outcome.objects.count()

    assert earned() == (0, 0, 0)
    for name in ("Email Opened", "email link clicked", "EMAIL DELIVERED", "Experiment Viewed"):
        assert send(site, "track", {"userId": "u1", "event": name, "messageId": f"forged {name}"}) == 200
    assert Event.objects.filter(client=message.client).count() == 0
    assert QuarantinedItem.objects.filter(message_id__startswith="forged").count() == 4
    for address, agent, more in (
        (f"/c/{forged}", BROWSER, {}),
        (f"/o/{forged}.gif", BROWSER, {}),
        (f"/c/{tokens.make('open', message.pk)}", BROWSER, {}),  # of another purpose
        (f"/o/{click}.gif", BROWSER, {}),
        *(
            (address, agent, more)
            for address in (f"/c/{click}", f"/o/{tokens.make('open', message.pk)}.gif")
            for agent, more in (
                ("Barracuda Sentinel (EE)", {}),
                ("Mozilla/5.0", {}),  # Apple's prefetch
                (BROWSER, {"Sec-Purpose": "prefetch"}),
                ("", {}),
            )
        ),
    ):
        stranger.get(address, headers={"User-Agent": agent, **more})
    stranger.head(f"/c/{click}", headers={"User-Agent": BROWSER})
    assert earned() == (0, 0, 0)

    for _ in range(3):  # the person, then two replays of what they did
        assert stranger.get(f"/c/{click}", headers={"User-Agent": BROWSER}).status_code == 302

    opens, clicks, outcomes = earned()
    assert (opens, outcomes) == (1, 0)
    assert clicks >= 1
    assert set(Interaction.objects.filter(is_human=True).values_list("message", flat=True)) == {message.pk}


def test_no_name_forges_a_line_of_the_log_and_no_line_holds_a_secret_address() -> None:
    link = "/portal/a-secret-of-a-client/"
    request = RequestFactory().get(link)
    request.resolver_match = resolve(link)
    record = logging.makeLogRecord(
        {"msg": "Not Found: %s", "args": (link,), "request": request, "name": 'x\r\n{"at": "forged"}\x1b[2J',
         "levelname": "WARNING"}
    )  # fmt: skip

    line = EventFormatter().format(record)

    assert line.isprintable()
    assert json.loads(line)["event"] == "Not Found: /portal/<str:token>/"
    assert json.loads(line)["at"].endswith("Z")
    record.request.resolver_match = None
    assert "secret" not in EventFormatter().format(record)


def test_no_value_of_a_client_is_in_the_log_or_the_metrics(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    canaries = ("client1@mail.example", "Client1", "a-canary-of-theirs")
    Client.objects.filter(user_id="u1").update(first_name="Client1", last_name="a-canary-of-theirs")
    caplog.set_level(logging.DEBUG)
    caplog.handler.setFormatter(EventFormatter())

    for route in ("console/clients/<path:user_id>/", "console/messages/<uuid:message_id>/", "portal/<str:token>/"):
        assert site.ask("GET", route, "marketer").status == 200
    send(site, "track", {"userId": "u1", "event": "Viewed", "properties": {"note": "a-canary-of-theirs"}})
    metrics = site.ask("GET", "metrics", "stranger").body.decode()

    ours = [
        one
        for one in caplog.records
        if one.name.partition(".")[0] in ("campaigns", "compliance", "personalize", "django")
    ]
    said = "\n".join(EventFormatter().format(one) for one in ours if one.name != "django.db.backends") + metrics
    assert [one for one in canaries if one in said] == []
