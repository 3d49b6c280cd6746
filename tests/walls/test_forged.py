"""What somebody claims: fields they may not set, rewards nobody earned, lines in the log that nobody wrote."""

import json
import logging
from base64 import b64decode
from inspect import signature

import pytest
from django.test import RequestFactory
from django.urls import resolve
from django.utils.timezone import now

from campaigns import tasks
from campaigns.models import BlockVersion, Campaign, Interaction, Message
from compliance import consent, tokens
from compliance.acting import acting
from compliance.api.paging import Cursor
from compliance.checks import OURS
from compliance.models import Channel, Client, Purpose
from personalize import celery, wake
from personalize.logs import EventFormatter
from personalize.models import Event, Outcome, QuarantinedItem
from tests.walls.crawl import JSON, ROLES
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


def test_of_a_parameter_given_twice_the_last_one_counts(site: Site) -> None:
    browser = site.browsers["admin"]

    first = browser.post("/console/clients/", {"q": ["u2", "u1"]}, follow=True).context
    again = browser.get("/api/v1/campaigns?page_size=3&page_size=1").json()
    twice = '{"userId": "u2", "userId": "nobody", "kind": "tenure", "value": 1, "at": "2026-01-01T00:00:00Z"}'
    refused = browser.post("/api/v1/outcomes", f"[{twice}]", content_type=JSON)

    assert (first["q"], [one.user_id for one in first["clients"]]) == ("u1", ["u1"])
    assert len(again["results"]) == 1
    assert (refused.status_code, Outcome.objects.filter(client__user_id="u2").exists()) == (400, False)


# What the API gives of each thing, and to whom. A new field is added here by somebody who thought of who reads it.
STAFF, OVERSEERS = frozenset({"marketer", "officer", "admin"}), frozenset({"officer", "admin"})
LISTED: dict[str, tuple[frozenset[str], str]] = {
    "clients/u1": (STAFF, "attributes email first_name first_seen_at jurisdiction language last_name timezone user_id"),
    "clients/u1/consents": (
        STAFF, "allowed because channel event evidence occurred_at purpose reason source wording_version",
    ),
    "clients/u1/messages": (
        STAFF, "arm because campaign channel choice consent decided_at decision_id due_at intent_at interactions "
        "policy propensity reason reply run score sent_at slot_propensity state state_sentence subject variant window",
    ),
    "campaigns": (
        STAFF, "audience blocks caps channel hypothesis latest_hours made_at max_per_week metric_days name objective "
        "owner placement priority purpose send_hour share_control share_holdout slug state success_metric use_case "
        "when_capped",
    ),
    "blocks": (
        STAFF | {"editor"}, "audience body claims digest figures framing image knowledge language made_at markets "
        "name performance provenance published_at slot slug state topics url valid_until version",
    ),
    "reviews": (
        STAFF | {"editor"}, "approvals_needed campaign claimed_by decided_at decided_by decision_reason digest due_at "
        "findings id kind officers_needed parts reach reason state submitted_at submitted_by title topics valid_until",
    ),
    "ledger": (OVERSEERS, "about actor at digest facts id kind leaf login recorded_at request xid"),
}  # fmt: skip


@pytest.mark.parametrize("name", LISTED)
def test_no_answer_holds_a_field_that_is_not_listed_for_its_reader(site: Site, name: str) -> None:
    readers, fields = LISTED[name]
    answers = {role: site.browsers[role].get(f"/api/v1/{name}") for role in ROLES}
    bodies = {role: one.json() for role, one in answers.items() if one.status_code == 200}
    things = {role: body.get("results", [body]) if isinstance(body, dict) else body for role, body in bodies.items()}

    assert things.keys() == readers
    assert {" ".join(sorted(one)) for rows in things.values() for one in rows} == {fields}
    assert all(things.values())


LISTS = ("campaigns", "blocks", "reviews", "ledger", "clients/u1/messages")


@pytest.mark.parametrize("name", LISTS)
def test_lists_are_paged_and_no_page_is_larger_than_the_cap(
    site: Site, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cap is lowered to one, so that a firm of a few things shows it."""
    sizes = {size: f"/api/v1/{name}?page_size={size}" for size in ("1", "1000000", "0", "-1", "9" * 30, "all")}
    browser = site.browsers["admin"]
    assert 1 < len(browser.get(f"/api/v1/{name}?page_size=1000000").json()["results"]) <= 200 or name != "ledger"
    assert (Cursor.page_size, Cursor.max_page_size) == (50, 200)

    monkeypatch.setattr(Cursor, "max_page_size", 1)
    monkeypatch.setattr(Cursor, "page_size", 1)

    assert {size: len(browser.get(path).json()["results"]) for size, path in sizes.items()} == dict.fromkeys(sizes, 1)


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


def test_each_line_of_the_log_says_who_acts_and_in_which_request(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Ours, written inside of a request; Django's own, written after it; and a worker's, which has none."""
    caplog.set_level(logging.INFO, "django.request")
    marketer = f"staff:{site.people['marketer'].pk}"
    caplog.clear()

    site.ask("GET", "console/runs/999999999/", "marketer", headers={"X-Request-Id": "r-9"})
    site.ask("GET", "api/v1/clients/nobody", "token:marketer")
    site.ask("GET", "api/v1/clients/nobody", "stranger")
    own, tokens_own, strangers = (
        json.loads(EventFormatter().format(one)) for one in caplog.records if one.name == "django.request"
    )
    with acting("system:worker", request_id="r-10"):
        inside = json.loads(EventFormatter().format(logging.makeLogRecord({"msg": "run.assembled"})))
    outside = json.loads(EventFormatter().format(logging.makeLogRecord({"msg": "started"})))

    assert (own["actor"], own["request"]) == (marketer, "r-9")
    assert (tokens_own["actor"], len(tokens_own["request"])) == (marketer, 32)
    assert (strangers["actor"], len(strangers["request"])) == ("public", 32)
    assert tokens_own["request"] != strangers["request"]
    assert (inside["actor"], inside["request"]) == ("system:worker", "r-10")
    assert outside["actor"].startswith("system:")


def test_what_waits_in_the_broker_holds_ids_alone() -> None:
    """Every task takes whole numbers named as ids or nothing, and its message says nothing but them."""
    celery.app.loader.import_default_modules()
    ours = [one for name, one in celery.app.tasks.items() if name.partition(".")[0] in OURS]
    taken = {(one.name, name, of.annotation) for one in ours for name, of in signature(one.run).parameters.items()}
    body = json.loads(b64decode(wake._message(tasks.assemble_chunk, {"chunk_id": 7})["body"]))

    assert len(ours) > 10
    assert [one for one in taken if not one[1].endswith("_id") or one[2] not in (int, "int")] == []
    assert body[:2] == [[], {"chunk_id": 7}]
    assert not any(body[2].values())


def test_no_value_of_a_client_is_in_the_log_or_the_metrics(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    canaries = ("client1@mail.example", "Client1", "a-canary-of-theirs")
    Client.objects.filter(user_id="u1").update(first_name="Client1", last_name="a-canary-of-theirs")
    caplog.set_level(logging.DEBUG)
    caplog.handler.setFormatter(EventFormatter())

    for route in ("console/clients/<uuid:ref>/", "console/messages/<uuid:message_id>/", "portal/<str:token>/"):
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
