"""When a message leaves: learnt for each client, inside the policy, quiet hours, wishes and the latest time."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from campaigns import explanations, plans, quiet, replay, runs
from campaigns.bulk import hours as bulk
from campaigns.bulk.rows import EPOCH
from campaigns.hours import drawn, policy, pool
from campaigns.models import Campaign, HourChoice, HourPolicy, HourPool, Interaction, Message, Run
from campaigns.sending import delivery
from compliance import consent, review
from compliance.models import Client, ReviewItem, Role, Staff
from personalize.decide import draws
from personalize.models import Event, Source
from tests.campaigns.sink import Sink
from tests.campaigns.test_caps import wish
from tests.campaigns.world import World
from tests.people import reviewer

LONDON = ZoneInfo("Europe/London")
RULE = {**policy.USUAL, "share_rule": 0.02}


def enacted(world: World, **change: Any) -> HourPolicy:
    """A policy that two people approved."""
    made = policy.propose({**RULE, **change}, why="Mail when it is read.", by=world.marketer, at=world.at)
    item = ReviewItem.objects.get(digest=made.digest)
    for by in (world.editor, reviewer("officer", Role.OFFICER)):
        item = review.approve(item.pk, by=by, seen=item.digest, reason="Agreed.", at=world.at)
    return made


def known(world: World, *hours: int, phase: str = "individual") -> HourPool:
    """A count by which clients read at these hours."""
    counts = [0] * 24
    for hour in hours:
        counts[hour] += 1_000
    return HourPool.objects.create(
        counts=counts, clients=500, own=200, concentration=5.0, phase=phase, made_at=world.at
    )


def profiled(world: World, client: Client) -> Client:
    consent.grant(
        client.pk, purpose="profiling", channel="any", wording="portal-profiling-1", surface="portal",
        mechanism="checkbox", by=f"client:{client.pk}", at=world.at - timedelta(days=3),
    )  # fmt: skip
    return client


def visits(world: World, client: Client, hour: int, *, days: int = 20, zone: str = "Europe/London") -> None:
    """They looked in at this hour of their day, on each of so many days, three times within it."""
    source, _ = Source.objects.get_or_create(
        slug="web", defaults={"name": "Web", "key_sha256": b"x" * 32, "created_at": world.at}
    )
    at = [
        (world.at - timedelta(days=1 + day)).astimezone(ZoneInfo(zone)).replace(hour=hour, minute=5 + 10 * again)
        for day in range(days)
        for again in range(3)
    ]
    Event.objects.bulk_create(
        Event(source=source, message_id=f"{client.pk}-{hour}-{n}", client=client, type="page", name="Plan",
              occurred_at=one, received_at=world.at)
        for n, one in enumerate(at)
    )  # fmt: skip


def launched(world: World, *, at: datetime | None = None, slug: str = "guide", **fields: Any) -> Run:
    campaign = Campaign.objects.filter(slug=slug).first() or world.campaign(slug, send_hour="learned", **fields)
    Campaign.objects.filter(pk=campaign.pk).update(state="draft")
    run = runs.launch(campaign, by=world.marketer, at=at or world.at)
    for chunk in run.chunks.all():
        runs.assemble(chunk.pk, at=at or world.at)
    return run


def local(message: Message, zone: str = "Europe/London") -> int:
    return message.due_at.astimezone(ZoneInfo(zone)).hour


def test_with_little_data_the_declared_hour_holds_for_everybody(world: World) -> None:
    client = profiled(world, world.client(1))
    visits(world, client, 19)
    enacted(world)
    counted = pool.renew(at=world.at)
    run = launched(world)

    assert (counted.phase, sum(counted.counts), counted.counts[19]) == ("rules", 20, 20)
    message = Message.objects.get()
    choice = HourChoice.objects.get()
    assert (choice.hour, choice.propensity, choice.is_rule) == (10, 1.0, True)
    assert local(message) == 10
    assert message.due_at == choice.due_at > world.at
    assert "usually read" not in " ".join(explanations.for_client(message))
    assert run.plan["hours"]["readings"] == 0
    assert replay.rebuild(message.pk).compared == ("decision", "hour", "words", "bytes")


def test_each_client_is_written_to_when_they_read_and_told_so(world: World, sink: Sink) -> None:
    early, late, silent, unasked = (world.client(number) for number in range(4))
    for client, hour in ((early, 9), (late, 19), (unasked, 19)):
        if client != unasked:
            profiled(world, client)
        visits(world, client, hour)
    profiled(world, silent)
    enacted(world)
    known(world, 14)
    launched(world)

    hour = {one.message.client_id: one for one in HourChoice.objects.select_related("message")}
    assert {client.pk: hour[client.pk].hour for client in (early, late, silent, unasked)} == {
        early.pk: 9, late.pk: 19, silent.pk: 14, unasked.pk: 14
    }  # fmt: skip
    assert drawn.counted(hour[late.pk])[19] == 20, "one reading an hour of a day, however many looks"
    assert drawn.counted(hour[unasked.pk]).sum() == 0, "they let us use nothing"
    said = {one.client_id: " ".join(explanations.for_client(one)) for one in Message.objects.all()}
    assert "at about 19:00 because you usually read around then" in said[late.pk]
    assert "because most people read" in said[silent.pk]
    assert "because most people read" in said[unasked.pk]
    assert delivery.send(limit=9, at=world.at).total == 0
    when = Message.objects.get(client=late).due_at
    assert delivery.send(limit=9, at=when, seconds=30).sent >= 1
    message = Message.objects.get(client=late)
    message.sent_at = when + timedelta(hours=3)
    assert "because you usually read" not in " ".join(explanations.for_client(message))


@pytest.fixture(autouse=True)
def same_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's seed is chance; here it is one by which no client explores."""

    def seed(_: int) -> int:
        ids = np.array(Client.objects.values_list("pk", flat=True))
        return next(one for one in range(100_000) if draws.uniform(one, ids, drawn.STREAM).min(initial=1) > 0.2)

    monkeypatch.setattr("campaigns.runs.secrets.randbits", seed)


def test_a_draw_is_made_again_and_a_changed_one_is_found(world: World) -> None:
    clients = [profiled(world, world.client(number)) for number in range(12)]
    for client in clients[:6]:
        visits(world, client, 18, days=3)
    enacted(world)
    known(world, 9, 14, 18)
    launched(world)

    assert {replay.rebuild(one.pk).difference for one in Message.objects.all()} == {""}
    assert HourChoice.objects.count() == 12
    choice = HourChoice.objects.order_by("pk")[0]
    HourChoice.objects.filter(pk=choice.pk).update(propensity=choice.propensity / 2)
    assert replay.rebuild(choice.pk).difference.startswith("Probability of the hour")
    HourChoice.objects.filter(pk=choice.pk).update(hour=(choice.hour + 1) % 24, propensity=choice.propensity)
    assert replay.rebuild(choice.pk).difference.startswith("Hour: stored")


def test_quiet_hours_and_wishes_win_over_what_was_learnt(world: World, settings: Any) -> None:
    settings.QUIET_HOURS = "18-9"
    late, wishes = (profiled(world, world.client(number)) for number in range(2))
    for client in (late, wishes):
        visits(world, client, 19)
    wish(wishes, world, hours="6-12")
    enacted(world)
    known(world, 19)
    launched(world)

    open_ = {one.message.client_id: one.is_open for one in HourChoice.objects.select_related("message")}
    assert [hour for hour in range(24) if open_[late.pk] >> hour & 1] == list(range(9, 18))
    assert [hour for hour in range(24) if open_[wishes.pk] >> hour & 1] == [9, 10, 11]
    assert {9 <= local(one) < 18 for one in Message.objects.all()} == {True}


def test_a_wish_of_the_last_minute_is_kept_by_the_gate(world: World, sink: Sink) -> None:
    client, other = (profiled(world, world.client(number)) for number in range(2))
    for one in (client, other):
        visits(world, one, 19)
    enacted(world)
    known(world, 19)
    launched(world)
    wish(client, world, hours="6-12")
    evening = max(Message.objects.values_list("due_at", flat=True))

    done = delivery.send(limit=9, at=evening, seconds=30)
    assert (done.sent, done.deferred) == (1, 1)
    kept = Message.objects.get(client=client)
    assert (kept.state, kept.reason, local(kept)) == ("pending", "wished_hours", 6)
    assert [address for address, _ in sink.mails] == [other.email]
    assert delivery.send(limit=9, at=kept.due_at, seconds=30).sent == 1


def test_who_wishes_only_for_the_night_of_the_firm_gets_nothing(world: World, sink: Sink, settings: Any) -> None:
    settings.QUIET_HOURS = "18-9"
    client = world.client(1)
    wish(client, world, hours="18-22")
    launched(world)
    assert delivery.send(limit=9, at=world.at, seconds=30).suppressed == 1
    assert (Message.objects.get().state, Message.objects.get().reason) == ("suppressed", "wished_hours")


def test_a_wish_binds_campaigns_that_send_at_once_and_not_service(world: World, sink: Sink) -> None:
    client = world.client(1)
    wish(client, world, hours="18-22")
    run = launched(world)
    assert run.plan["hours"] is None
    assert delivery.send(limit=9, at=world.at, seconds=30).deferred == 1
    assert local(Message.objects.get()) == 18
    with connection.cursor() as cursor:
        Run.objects.filter(pk=run.pk).update(plan={**run.plan, "purpose": "service"})
        cursor.execute("select campaigns_pressed(%s, %s)", [Message.objects.get().pk, world.at])
        assert cursor.fetchone() == (None,)


def test_a_wish_is_one_of_those_offered(world: World) -> None:
    client = world.client(1)
    with pytest.raises(IntegrityError), transaction.atomic():
        wish(client, world, hours="1-2")
    assert not hasattr(Client.objects.get(pk=client.pk), "preference")
    wish(client, world, hours="12-18")
    assert Client.objects.get(pk=client.pk).preference.hours == "12-18"


def test_the_latest_time_of_the_campaign_and_the_longest_wait_bind(world: World) -> None:
    client = profiled(world, world.client(1))
    visits(world, client, 20)
    enacted(world, most_wait_hours=6)
    known(world, 20)
    launched(world, latest_hours=4)
    choice, here = HourChoice.objects.get(), world.at.astimezone(LONDON).hour
    hours = [hour for hour in range(24) if choice.is_open >> hour & 1]
    assert hours == list(range(here, here + 4)), "an hour whose last minute is too late is closed"
    message = Message.objects.get()
    assert message.due_at <= world.at + timedelta(hours=4)


def test_no_hour_left_is_at_once(world: World) -> None:
    world.client(1)
    enacted(world, first=2, last=4, rule_hour=3, most_wait_hours=1)
    launched(world)
    assert not HourChoice.objects.exists()
    assert Message.objects.get().due_at == world.at


@pytest.mark.parametrize(
    "zone", ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Nowhere/X"]
)
def test_a_calendar_is_right_on_every_day_of_a_year(zone: str) -> None:
    where, at = quiet.place(zone), datetime(2026, 1, 1, 0, 17, tzinfo=UTC)
    while at.year < 2027:
        found = drawn.calendar(zone, at=at)
        for hour, micros in enumerate(found.tolist()):
            if micros < 0:
                continue
            moment = EPOCH + micros * drawn.MICRO
            assert moment.astimezone(where).hour == hour
            assert at <= moment < at + timedelta(hours=24)
        assert (found < 0).sum() <= 1, "at most the hour that the clocks skip, or that came twice before it"
        at += timedelta(hours=7)


def test_the_hour_that_summer_time_leaves_out_is_never_drawn(world: World) -> None:
    eve = datetime(2027, 3, 27, 20, 0, tzinfo=UTC)  # clocks go forward at 01:00 on the 28th
    found = drawn.calendar("Europe/London", at=eve)
    assert found[1] == -1
    assert (EPOCH + int(found[9]) * drawn.MICRO).isoformat() == "2027-03-28T08:00:00+00:00"
    autumn = drawn.calendar("Europe/London", at=datetime(2027, 10, 30, 20, 0, tzinfo=UTC))
    assert (EPOCH + int(autumn[1]) * drawn.MICRO).isoformat() == "2027-10-31T00:00:00+00:00", "the first of the two"


def test_readings_go_by_the_clients_own_clock(world: World) -> None:
    here, there, lost = (profiled(world, world.client(number)) for number in range(3))
    for client, zone in ((there, "Asia/Tokyo"), (lost, "Nowhere/Atlantis")):
        Client.objects.filter(pk=client.pk).update(timezone=zone)
    visits(world, here, 8, days=3)
    visits(world, there, 8, days=3, zone="Asia/Tokyo")
    visits(world, lost, 8, days=3, zone="UTC")
    found = bulk.readings(np.array([here.pk, there.pk, lost.pk]), at=world.at)
    assert found[:, 8].tolist() == [3, 3, 3]
    assert found.sum() == 9
    enacted(world)
    known(world, 8)
    launched(world)
    assert {local(Message.objects.get(client=there), "Asia/Tokyo"), local(Message.objects.get(client=lost), "UTC")} == {
        8
    }


def test_opens_and_clicks_count_and_machines_do_not(world: World) -> None:
    client = profiled(world, world.client(1))
    launched(world)
    message = Message.objects.get()
    Message.objects.filter(pk=message.pk).update(intent_at=world.at, sent_at=world.at, state="sent")
    for kind, human, hour in (("open", True, 2), ("click", True, 2), ("click", False, 5), ("bounce", True, 6)):
        Interaction.objects.create(
            message=message, kind=kind, is_human=human, actor_class="human" if human else "scanner",
            at=world.at + timedelta(hours=hour),
        )  # fmt: skip
    found = bulk.readings(np.array([client.pk]), at=world.at + timedelta(days=1))
    assert (found.sum(), int(found[0].argmax())) == (1, (world.at + timedelta(hours=2)).astimezone(LONDON).hour)


def test_an_approval_taken_back_switches_it_off_for_runs_under_way(world: World) -> None:
    profiled(world, world.client(1))
    made = enacted(world)
    known(world, 19)
    campaign = world.campaign(send_hour="learned")
    run = runs.launch(campaign, by=world.marketer, at=world.at)
    assert run.plan["hours"]["policy"] == made.pk
    item = ReviewItem.objects.get(digest=made.digest)
    review.withdraw(item.pk, by=world.editor, reason="Not now.", at=world.at)
    for chunk in run.chunks.all():
        runs.assemble(chunk.pk, at=world.at)

    assert not HourChoice.objects.exists()
    assert Message.objects.get().due_at == world.at
    assert plans.snapshot(campaign, at=world.at)["hours"] is None
    enacted(world, rule_hour=11)
    assert plans.snapshot(campaign, at=world.at)["hours"]["rule_hour"] == 11


def test_a_policy_waits_for_two_and_cannot_be_what_it_must_not(world: World) -> None:
    campaign = world.campaign(send_hour="learned")
    for change, word in (
        ({"rule_hour": 22}, "between"), ({"share_rule": 0}, "measured"), ({"first": "8"}, "first"),
        ({"most_wait_hours": 99}, "most_wait_hours"),
    ):  # fmt: skip
        with pytest.raises(policy.BadPolicy, match=word):
            policy.propose({**RULE, **change}, why="x", by=world.marketer, at=world.at)
    with pytest.raises(policy.BadPolicy):
        policy.propose(RULE, why=" ", by=world.marketer, at=world.at)
    assert not HourPolicy.objects.exists()
    made = policy.propose(RULE, why="x", by=world.marketer, at=world.at)
    assert policy.propose(RULE, why="again", by=world.marketer, at=world.at) == made
    item = ReviewItem.objects.get(digest=made.digest)
    review.approve(item.pk, by=world.editor, seen=item.digest, reason="Agreed.", at=world.at)
    assert plans.snapshot(campaign, at=world.at)["hours"] is None
    review.approve(item.pk, by=reviewer("officer", Role.OFFICER), seen=item.digest, reason="Agreed.", at=world.at)
    assert plans.snapshot(campaign, at=world.at)["hours"]["policy"] == made.pk
    assert plans.snapshot(world.campaign("quick"), at=world.at)["hours"] is None
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        HourPolicy.objects.filter(pk=made.pk).update(rule_hour=12)


def test_the_number_of_queries_does_not_grow_with_the_clients(world: World) -> None:
    enacted(world)
    known(world, 9, 19)
    seen = []
    for number in range(6):
        visits(world, profiled(world, world.client(number)), 19, days=2)
        if number in (0, 5):
            run = runs.launch(world.campaign(f"guide-{number}", send_hour="learned"), by=world.marketer, at=world.at)
            ids = np.array(run.chunks.get().client_ids, np.int64)
            with CaptureQueriesContext(connection) as made:
                drawn.draw(run, ids, np.zeros(len(ids), "V16"), np.ones(len(ids), bool), at=world.at)
            seen.append((len(ids), len(made)))
    assert [n for n, _ in seen] == [1, 6]
    assert seen[0][1] == seen[1][1]


def test_the_page_shows_readings_effect_and_policy(client: Browser, world: World, editor: Staff) -> None:
    client.force_login(world.marketer)
    world.campaign(send_hour="learned")
    assert "Nothing is counted yet" in client.get("/console/hours/").content.decode()
    typed = {"rule_hour": "10", "first": "8", "last": "21", "share_rule": "10", "most_wait_hours": "24", "why": "Try."}
    refused = client.post("/console/hours/policy/", {**typed, "rule_hour": "23"})
    assert (refused.status_code, "between the first and the last" in refused.content.decode()) == (422, True)
    assert not HourPolicy.objects.exists()
    assert client.post("/console/hours/policy/", typed).status_code == 302
    assert HourPolicy.objects.get().share_rule == pytest.approx(0.1)

    enacted(world)
    known(world, 9, 19)
    people = [profiled(world, world.client(number)) for number in range(3)]
    launched(world)
    sent = Message.objects.order_by("pk")
    for one in sent:
        Message.objects.filter(pk=one.pk).update(
            state="sent", intent_at=one.due_at, sent_at=one.due_at, merge={**one.merge, "measure": True}
        )
    Interaction.objects.create(
        message=sent[0], kind="open", is_human=True, actor_class="human", at=sent[0].due_at + timedelta(minutes=9)
    )
    found = bulk.effect(at=world.at + timedelta(days=3))
    assert (sum(one[2] for one in found), sum(one[3] for one in found)) == (len(people), 1)
    shown = client.get("/console/hours/").content.decode()
    assert "Most at 9:00" in shown
    assert "In force" in shown
    assert "A guide" in shown
    client.force_login(editor)
    assert client.get("/console/hours/").status_code == 200
    assert client.post("/console/hours/policy/", {**typed, "rule_hour": "12"}).status_code == 403
    assert HourPolicy.objects.count() == 2
