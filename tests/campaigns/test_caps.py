"""How much one person gets: never one message over a cap, and what becomes of those that would have been."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import messages, plans, reasons, runs
from campaigns.limits import caps, said
from campaigns.models import Campaign, Cap, Message, Run
from campaigns.sending import delivery
from compliance import consent
from compliance.models import Client, LedgerEntry
from tests.at_once import at_once
from tests.campaigns.sink import Sink
from tests.campaigns.world import World

DAY = timedelta(days=1)


def again(world: World, campaign: Campaign, *, days: float = 0) -> Run:
    """One more run of the campaign, assembled."""
    at = world.at + days * DAY
    Campaign.objects.filter(pk=campaign.pk).update(state="draft")
    run = runs.launch(campaign, by=world.marketer, at=at)
    for chunk in run.chunks.all():
        runs.assemble(chunk.pk, at=at)
    return run


def send(world: World, *, days: float = 0) -> delivery.Sent:
    return delivery.send(limit=10_000, at=world.at + days * DAY, seconds=120)


def wish(client: Client, world: World, **more: Any) -> None:
    asked = {"max_per_week": None, "pause_until": None, "topics_declined": (), "signals_off": (), **more}
    consent.prefer(client.pk, by=f"client:{client.pk}", at=world.at, **asked)


@pytest.mark.django_db(transaction=True)
def test_fifty_workers_at_once_never_send_one_too_many(world: World, sink: Sink) -> None:
    twins = [world.client(number, email="Shared@Mail.example".lower()) for number in (1, 2)]
    eager, shy, plain = (world.client(number) for number in (3, 4, 5))
    wish(eager, world, max_per_week=6)
    wish(shy, world, max_per_week=1)
    campaign = world.campaign(max_per_week=3, when_capped="deferred")
    for _ in range(12):
        again(world, campaign)
    faults = at_once(50, lambda: delivery.send(limit=10, at=world.at, seconds=60))
    send(world)

    got = Counter(address for address, _ in sink.mails)
    assert faults == []
    assert got == {twins[0].email: 3, eager.email: 6, shy.email: 1, plain.email: 3}
    waiting = Message.objects.filter(client=plain, state="pending")
    assert {one.reason for one in waiting} == {"capped_for_now"}
    leaves = {one.intent_at + 7 * DAY for one in Message.objects.filter(client=plain, state="sent")}
    assert {one.due_at for one in waiting} <= leaves


def test_a_window_rolls_and_the_message_goes_when_there_is_room(world: World, sink: Sink) -> None:
    world.client(1)
    campaign = world.campaign(max_per_week=2, when_capped="deferred")
    for days in (0, 2):
        again(world, campaign, days=days)
        send(world, days=days)
    run = again(world, campaign, days=3)

    assert send(world, days=3).deferred == 1
    late = Message.objects.get(run=run)
    assert (late.state, late.reason) == ("pending", "capped_for_now")
    assert late.due_at == Message.objects.earliest("intent_at").intent_at + 7 * DAY
    assert said.window(late.window).startswith(
        "Held back by this campaign's cap: at most 2 messages in 7 days. There is room again from "
    )
    assert send(world, days=6.99).total == 0
    assert send(world, days=7.01).sent == 1
    assert runs.counts(run.pk) == runs.Counts(audience=1, sent=1)


def test_a_dropped_message_says_which_cap_held_it_back(world: World, sink: Sink) -> None:
    world.client(1)
    campaign = world.campaign(caps=[{"days": 1, "most": 1}])
    first, second = again(world, campaign), again(world, campaign)
    send(world)

    assert runs.counts(first.pk).sent + runs.counts(second.pk).sent == 1
    dropped = Message.objects.get(state="suppressed")
    assert dropped.reason == "capped"
    assert (dropped.window["by"], dropped.window["days"], dropped.window["most"]) == ("campaign", 1, 1)
    assert "at most 1 message in a day" in said.window(dropped.window)
    assert len(sink.mails) == 1


def test_a_message_that_presses_gives_way_to_the_calmer_fallback(world: World, sink: Sink) -> None:
    world.client(1)
    caps.keep(days=7, most=0, is_urgent=True, by=world.marketer, at=world.at)
    parts = (("hello", True), ("pushy", False), ("plain", True), ("read", True))
    run = again(world, world.campaign(parts=parts, when_capped="replaced"))
    world.approve()
    runs.release(at=world.at)
    assert Message.objects.get().variant.is_urgent

    send(world)
    send(world)

    message = Message.objects.get()
    assert (message.state, message.variant.is_urgent) == ("sent", False)
    assert message.choice == messages.fallback_choice(run.plan).tolist()
    assert message.window["replaced"] is True
    assert b"Act now" not in sink.mails[0][1]


def test_the_firms_caps_bind_every_campaign_and_are_in_the_ledger(world: World, sink: Sink) -> None:
    world.client(1)
    kept = caps.keep(days=30, most=1, by=world.marketer, at=world.at)
    again(world, world.campaign(max_per_week=5))
    send(world)
    again(world, world.campaign("other", max_per_week=5), days=10)

    assert send(world, days=10).suppressed == 1
    assert caps.take_away(kept.pk, by=world.marketer, at=world.at)
    assert not caps.take_away(kept.pk, by=world.marketer, at=world.at)
    again(world, world.campaign("third", max_per_week=5), days=10)
    assert send(world, days=10).sent == 1
    kinds = LedgerEntry.objects.filter(kind__startswith="cap.").order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["cap.kept", "cap.taken_away"]


def test_service_messages_break_no_cap_and_count_towards_none(world: World, sink: Sink) -> None:
    client = world.client(1)
    wish(client, world, max_per_week=1)
    consent.grant(
        client.pk, purpose="service", channel="email", wording="portal-marketing-email-1", surface="portal",
        mechanism="checkbox", by="client", at=world.at - DAY,
    )  # fmt: skip
    notice = world.campaign("notice", purpose="service")
    for _ in range(3):
        again(world, notice)
    again(world, world.campaign())

    assert send(world).sent == 4


def test_a_topic_declined_after_assembly_stops_the_message(world: World, sink: Sink) -> None:
    client = world.client(1)
    again(world, world.campaign())
    variant = Message.objects.get().variant
    wish(client, world, topics_declined=["pension_access"])
    assert send(world).sent == 1

    run = again(world, world.campaign("other"))
    topics = Message.objects.get(run=run).variant.topics
    wish(client, world, topics_declined=topics or ["none"])
    assert variant.pk != Message.objects.get(run=run).variant_id
    assert send(world).total == 1


def test_a_message_that_is_too_late_is_dropped_and_says_so(world: World, sink: Sink) -> None:
    world.client(1)
    run = again(world, world.campaign(latest_hours=24))

    assert send(world, days=1.01).suppressed == 1
    assert runs.counts(run.pk) == runs.Counts(audience=1, suppressed={"too_late": 1})
    assert "past the latest time" in reasons.because("too_late")
    assert sink.mails == []
    again(world, world.campaign("other", latest_hours=24))
    assert send(world, days=0.9).sent == 1


def test_a_paused_run_hands_nothing_over_and_the_others_go_on(world: World, sink: Sink) -> None:
    world.client(1)
    caps.keep(days=1, most=2, by=world.marketer, at=world.at)  # so that neither loses to the other
    paused = again(world, world.campaign())
    other = again(world, world.campaign("other"))
    paused.pauses.create(reason="complaint", share=0.01, counted=100, launched_by=world.marketer, paused_at=world.at)

    assert send(world).sent == 1
    assert runs.counts(other.pk).sent == 1
    assert runs.counts(paused.pk) == runs.Counts(audience=1, pending=1)
    paused.pauses.update(resumed_by=world.editor, resumed_at=world.at, why_resumed="fine")
    assert send(world).sent == 1


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("3", "A campaign has a list of at most 8 caps."),
        ([{"days": 2, "most": 1}], "Cap 1 is for 1, 7 or 30 days."),
        ([{"days": True, "most": 1}], "Cap 1 is for 1, 7 or 30 days."),
        ([{"days": 1, "most": -1}], "Cap 1 allows 0 to 50 messages."),
        (
            [{"days": 1, "most": 1, "override": True}],
            "Cap 1 has days and most, and may have channel, topic and urgent.",
        ),
        ([{"days": 1, "most": 1, "channel": "fax"}], "Cap 1 names no channel of ours."),
        ([{"days": 1, "most": 1, "topic": "'; drop"}], "Cap 1 names no topic."),
        ([{"days": 1, "most": 1}, {"days": 1, "most": 2}], "Two caps are for the same thing."),
        ([{"days": 1, "most": 1}] * 9, "A campaign has a list of at most 8 caps."),
    ],
)
def test_a_cap_that_cannot_be_kept_is_refused_by_name(wrong: Any, why: str, world: World) -> None:
    with pytest.raises(plans.BadPlan) as refused:
        world.campaign(caps=wrong)

    assert refused.value.errors == {"caps": why}
    assert not Campaign.objects.exists()
    assert world.campaign(caps=[{"days": 1, "most": 1}]).caps == [{"days": 1, "most": 1}]


def test_a_cap_for_the_same_thing_takes_the_others_place(world: World) -> None:
    caps.keep(days=7, most=3, by=world.marketer, at=world.at)
    caps.keep(days=7, most=2, by=world.marketer, at=world.at)
    with pytest.raises(caps.BadCap):
        caps.keep(days=5, most=2, by=world.marketer, at=world.at)

    assert [(one.days, one.most) for one in Cap.objects.all()] == [(7, 2)]


@given(
    st.fixed_dictionaries(
        {"days": st.sampled_from([1, 7, 30]), "most": st.integers(0, 50)},
        optional={
            "channel": st.sampled_from(["", "email", "sms"]),
            "topic": st.sampled_from(["", "pension_access"]),
            "urgent": st.booleans(),
        },
    )
)
def test_every_cap_has_a_sentence(cap: dict[str, Any]) -> None:
    assert said.fault([cap]) == ""
    assert said.sentence(cap).startswith(f"at most {cap['most']} message")


def test_two_clients_of_one_address_in_one_chunk_get_one_copy(world: World, sink: Sink) -> None:
    for number in (1, 2):
        world.client(number, email="same@mail.example")
    run = again(world, world.campaign())

    assert runs.counts(run.pk) == runs.Counts(audience=2, pending=1, suppressed={"duplicate_address": 1})
    assert send(world).sent == 1
    assert [address for address, _ in sink.mails] == ["same@mail.example"]
