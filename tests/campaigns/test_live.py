"""The short way to a decision says what the long way says, in two round trips, and never from memory."""

import threading
import time
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection, transaction

from campaigns import plans, runs, serving
from campaigns.bulk import live as bulk
from campaigns.live import kept
from campaigns.models import Campaign, Message, Variant
from campaigns.wellbeing import calm
from compliance import consent, review, stops
from compliance.access import bearers
from compliance.models import Client, LedgerEntry, Purpose, ReviewItem, Role, Stop
from compliance.web import acting
from personalize import profiles
from personalize.decide.limits import Closed
from personalize.models import Event, Source
from tests.campaigns import another_process
from tests.campaigns.shortly import PLACE, SECRET, kept_as, row_of, same, short
from tests.campaigns.test_serving import may_see_web, web
from tests.campaigns.world import World
from tests.people import reviewer


def rich(world: World) -> tuple[Campaign, list[Client]]:
    """A campaign with rules, a control and a holdout, and clients of all kinds, each text of it made once."""
    campaign = web(world, share_control=0.3, share_holdout=0.4)
    told = [
        {},
        {"risk_tolerance": "cautious", "goal": "house"},
        {"risk_tolerance": "growth", "experience": "expert"},
        {"risk_tolerance": "growth", "vulnerable": True},
        {"goal": "retirement", "monthly_saving": 150},
    ]
    people = [may_see_web(world, world.client(number, **told[number % len(told)])) for number in range(1, 21)]
    for person in people[:10]:
        consent.grant(
            person.pk, purpose=Purpose.PROFILING, channel="any", wording="portal-profiling-1", surface="portal",
            mechanism="checkbox", by=f"client:{person.pk}", at=world.at - timedelta(days=1),
        )  # fmt: skip
    profiles.refresh(at=world.at)
    return campaign, people


def test_both_ways_say_and_keep_the_same(world: World, token: str) -> None:
    campaign, people = rich(world)
    long = [serving.fill(one, campaign, channel="web", at=world.at) for one in people]

    shortly = [short(one.user_id, at=world.at) for one in people]

    assert [same(one) for one in shortly] == [same(one) for one in long]
    assert {bool(one.content) for one in long} == {True, False}
    assert [row_of(one) for one in shortly] == [row_of(one) for one in long]


def test_a_decision_is_two_statements_and_names_who_asked(
    world: World, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = may_see_web(world, world.client(1))
    campaign = web(world)
    profiles.refresh(at=world.at)
    serving.fill(person, campaign, channel="web", at=world.at)
    assert short(person.user_id, at=world.at)  # this process learns the run and the text
    asked: list[str] = []
    read, keep = bulk.read, bulk.keep
    monkeypatch.setattr(bulk, "read", lambda *args, **rest: asked.append("read") or read(*args, **rest))
    monkeypatch.setattr(bulk, "keep", lambda *args, **rest: asked.append("keep") or keep(*args, **rest))

    def none(*args: Any) -> Any:
        raise AssertionError(f"one statement more: {args[1]}")

    with connection.execute_wrapper(none):
        served = short(person.user_id, at=world.at)

    assert asked == ["read", "keep"]
    entry = LedgerEntry.objects.get(about=f"campaigns_message:{kept_as(served)}")
    assert (entry.actor, entry.request) == (f"staff:{world.marketer.pk}", "a-request")


def test_an_event_of_a_moment_ago_is_in_the_features(world: World, token: str) -> None:
    person = may_see_web(world, world.client(1))
    consent.grant(
        person.pk, purpose=Purpose.PROFILING, channel="any", wording="portal-profiling-1", surface="portal",
        mechanism="checkbox", by=f"client:{person.pk}", at=world.at - timedelta(days=1),
    )  # fmt: skip
    campaign = web(world)
    profiles.refresh(at=world.at)
    serving.fill(person, campaign, channel="web", at=world.at)
    source = Source.objects.create(slug="s", name="S", key_sha256=b"s" * 32, is_active=True, created_at=world.at)
    before = Message.objects.get(pk=kept_as(short(person.user_id, at=world.at)))

    Event.objects.create(
        source=source, message_id="m", client=person, type="track", name="Logged In", properties={}, context={},
        occurred_at=world.at, received_at=world.at,
    )  # fmt: skip
    after = Message.objects.get(pk=kept_as(short(person.user_id, at=world.at + timedelta(seconds=1))))
    again = serving.fill(person, campaign, channel="web", at=world.at + timedelta(seconds=1))

    assert bytes(before.features) != bytes(after.features)
    assert bytes(Message.objects.get(pk=again.decision).features) == bytes(after.features)


def test_a_rule_over_features_hears_of_an_event_of_a_moment_ago_the_long_way(world: World, token: str) -> None:
    person = may_see_web(world, world.client(1))
    parts = (("hello", True), ("plain", True), ("read", True))
    campaign = world.campaign("hero", parts=parts, channel="web", placement=PLACE)
    often = world.block("often", slot="body", body="A second way to say it, as calm as the first.")
    rule = {"field": "feature:events_30d", "op": "gte", "value": 1}
    plans.add_candidate(campaign, often, rule=rule, by=world.marketer, at=world.at)
    runs.launch(campaign, by=world.marketer, at=world.at)
    campaign.refresh_from_db()
    profiles.refresh(at=world.at)
    serving.fill(person, campaign, channel="web", at=world.at)
    assert same(short(person.user_id, at=world.at)).blocks[1]["block"] == "plain"
    source = Source.objects.create(slug="s", name="S", key_sha256=b"s" * 32, is_active=True, created_at=world.at)
    Event.objects.create(
        source=source, message_id="m", client=person, type="track", name="Logged In", properties={}, context={},
        occurred_at=world.at, received_at=world.at,
    )  # fmt: skip
    soon = world.at + profiles.OVERLAP + timedelta(seconds=10)

    assert short(person.user_id, at=soon) is None

    long = serving.fill(person, campaign, channel="web", at=soon)
    assert long.blocks[1]["block"] == "often"
    assert same(short(person.user_id, at=soon)) == same(long)


def test_what_is_thrown_or_paused_is_not_shown(world: World, token: str) -> None:
    person = may_see_web(world, world.client(1))
    campaign = web(world)
    profiles.refresh(at=world.at)
    assert serving.fill(person, campaign, channel="web", at=world.at).content
    assert short(person.user_id, at=world.at)
    officer, officer2 = reviewer("officer", Role.OFFICER), reviewer("officer2", Role.OFFICER)

    for scope, target in (("everything", ""), ("channel", "web"), ("campaign", "hero"), ("block", "calm")):
        thrown = stops.throw(scope, target, reason="wrong", by=officer, at=world.at)
        shortly = short(person.user_id, at=world.at)
        long = serving.fill(person, campaign, channel="web", at=world.at)
        if scope != "block":
            assert shortly is None
            assert long.withheld is not None
            assert long.withheld[0]["rule"] == "stopped"
        for one in (shortly, long):
            assert target not in [used["block"] for used in (one.blocks if one else [])]
        Stop.objects.filter(pk=thrown.pk).update(release_asked_by=officer, release_asked_at=world.at)
        stops.release(thrown.pk, by=officer2, at=world.at)

    assert short(person.user_id, at=world.at)
    campaign.runs.get().pauses.create(
        reason="complaint", share=0.01, counted=100, launched_by=world.marketer, paused_at=world.at
    )
    assert short(person.user_id, at=world.at) is None
    paused = serving.fill(person, campaign, channel="web", at=world.at)
    assert paused.withheld is not None
    assert paused.withheld[0]["rule"] == "run_paused"


@pytest.mark.parametrize(
    "spoil", ["unknown token", "revoked", "other scope", "left", "stale use", "stranger", "nowhere"]
)
def test_whoever_may_not_ask_goes_the_long_way_and_nothing_is_written(world: World, token: str, spoil: str) -> None:
    person = may_see_web(world, world.client(1))
    campaign = web(world)
    serving.fill(person, campaign, channel="web", at=world.at)
    assert short(person.user_id, at=world.at) is not None
    before = Message.objects.count()
    held = world.marketer.tokens.get()
    at, user, secret = world.at, person.user_id, SECRET
    if spoil == "unknown token":
        secret = "another"
    elif spoil == "revoked":
        bearers.revoke(held.pk, by=world.marketer, at=world.at)
    elif spoil == "other scope":
        held.scopes = ["read"]
        held.save(update_fields=["scopes"])
    elif spoil == "left":
        world.marketer.groups.clear()
    elif spoil == "stale use":
        at = world.at + timedelta(minutes=2)
    elif spoil == "stranger":
        user = "nobody"
    else:
        Campaign.objects.filter(pk=campaign.pk).update(state="stopped")

    assert short(user, at=at, secret=secret) is None
    assert Message.objects.count() == before


def test_words_judged_under_other_rules_are_judged_again_the_long_way(world: World, token: str) -> None:
    person = may_see_web(world, world.client(1))
    campaign = web(world)
    serving.fill(person, campaign, channel="web", at=world.at)
    Variant.objects.filter(campaign=campaign).update(ruleset="of before")

    assert short(person.user_id, at=world.at) is None

    assert serving.fill(person, campaign, channel="web", at=world.at).content
    served = short(person.user_id, at=world.at)
    assert served is not None
    assert served.content
    here, row = kept.place(PLACE).kept, Message.objects.get(pk=served.decision)
    assert here is not None
    Variant.objects.filter(campaign=campaign).update(ruleset="of before")
    [(ruled_at, _)] = here.texts
    assert here.text(row.choice, ruled_at=ruled_at, at=world.at) is not None  # kept: nothing took effect since
    assert here.text(row.choice, ruled_at=world.at, at=world.at) is None


def test_a_new_run_is_seen_at_once(world: World, token: str) -> None:
    person = may_see_web(world, world.client(1))
    campaign = web(world)
    serving.fill(person, campaign, channel="web", at=world.at)
    first = short(person.user_id, at=world.at)
    runs.stop(campaign.runs.get().pk, by=world.marketer, at=world.at)
    assert short(person.user_id, at=world.at) is None

    campaign.refresh_from_db()
    second = runs.launch(campaign, by=world.marketer, at=world.at)
    serving.fill(person, campaign, channel="web", at=world.at)
    again = short(person.user_id, at=world.at)

    assert Message.objects.get(pk=kept_as(first)).run_id != second.pk
    assert Message.objects.get(pk=kept_as(again)).run_id == second.pk


@pytest.mark.django_db(transaction=True)
def test_a_stop_a_withdrawal_and_a_lost_approval_count_at_once_in_another_process(world: World, token: str) -> None:
    people = [may_see_web(world, world.client(number)) for number in (1, 2)]
    campaign = web(world)
    profiles.refresh(at=world.at)
    for one in people:
        serving.fill(one, campaign, channel="web", at=world.at)
    officer, officer2 = reviewer("officer", Role.OFFICER), reviewer("officer2", Role.OFFICER)
    shown, unusual = {"shown": True, "rule": ""}, None

    with another_process.started() as other:

        def said(number: int) -> dict[str, Any] | None:
            return other.ask(SECRET, people[number].user_id, PLACE, at=world.at)

        assert [said(0), said(1)] == [shown, shown]
        consent.withdraw(
            people[0].pk, purpose="marketing", channel="web", surface="portal", mechanism="button",
            by=f"client:{people[0].pk}", at=world.at,
        )  # fmt: skip
        assert [said(0), said(1)] == [{"shown": False, "rule": "withdrawn"}, shown]
        thrown = stops.throw("campaign", campaign.slug, reason="wrong", by=officer, at=world.at)
        assert said(1) == unusual
        stops.ask_release(thrown.pk, by=officer, at=world.at)
        stops.release(thrown.pk, by=officer2, at=world.at)
        assert said(1) == shown
        for item in ReviewItem.objects.filter(kind="block"):
            review.withdraw(item.pk, by=world.editor, reason="wrong figure", at=world.at)
        assert said(1) == unusual
        runs.stop(campaign.runs.get().pk, by=world.marketer, at=world.at)
        assert said(1) == unusual

    states = Message.objects.filter(client=people[1]).values_list("state", flat=True)
    assert list(states) == ["shown"] * 4
    assert serving.fill(people[1], campaign, channel="web", at=world.at).content is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["short", "long"])
def test_nobody_is_shown_anything_once_their_erasure_has_the_row(world: World, token: str, way: str) -> None:
    person = may_see_web(world, world.client(1))
    campaign = web(world)
    profiles.refresh(at=world.at)
    serving.fill(person, campaign, channel="web", at=world.at)
    assert short(person.user_id, at=world.at)
    before, came, said = Message.objects.count(), threading.Event(), []

    def ask() -> None:
        with acting("system:test"):
            came.set()
            try:
                if way == "short":
                    said.append(short(person.user_id, at=world.at))
                else:
                    said.append(serving.fill(person, campaign, channel="web", at=world.at))
            except serving.NoClient:
                said.append(None)
            finally:
                connection.close()

    with transaction.atomic():
        Client.objects.select_for_update().get(pk=person.pk)
        asking = threading.Thread(target=ask)
        asking.start()
        assert came.wait(60)
        _waits_for_a_lock()
        Client.objects.filter(pk=person.pk).update(erased_at=world.at)
    asking.join(60)

    assert (said, Message.objects.count()) == ([None], before)


def _waits_for_a_lock() -> None:
    """Come back when another connection waits for one."""
    for _ in range(600):
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from pg_locks where not granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.1)
    pytest.fail("nobody waited for the client")


def test_while_markets_are_calmed_both_ways_close_what_presses(world: World, token: str) -> None:
    person = may_see_web(world, world.client(1))
    parts = (("hello", True), ("plain", True), ("read", True))
    campaign = world.campaign("hero", parts=parts, channel="web", placement=PLACE)
    hurry = world.block("hurry", slot="body", body="Act now: see how your plan works, step by step.")
    plans.add_candidate(campaign, hurry, rule={}, by=world.marketer, at=world.at)
    runs.launch(campaign, by=world.marketer, at=world.at)
    campaign.refresh_from_db()
    profiles.refresh(at=world.at)
    officer = reviewer("officer", Role.OFFICER)
    calm.begin(reason="markets fell", by=officer, at=world.at)

    long = serving.fill(person, campaign, channel="web", at=world.at)
    shortly = short(person.user_id, at=world.at)

    assert same(shortly) == same(long)
    assert row_of(shortly) == row_of(long)
    assert long.blocks[1]["block"] == "plain"
    assert Closed.CALM in np.frombuffer(bytes(Message.objects.get(pk=long.decision).closed), np.uint8)
