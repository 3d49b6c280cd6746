"""One arbiter: of the campaigns that want a client on a day the best goes, and the others say what they lost to."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest

from campaigns import reasons, runs
from campaigns.limits import arbiter, caps
from campaigns.models import Message, Run
from campaigns.sending import delivery
from tests.campaigns.sink import Sink
from tests.campaigns.world import World


def wants(world: World, slug: str, **fields: object) -> Run:
    run = runs.launch(world.campaign(slug, name=slug.title(), **fields), by=world.marketer, at=world.at)
    for chunk in run.chunks.all():
        runs.assemble(chunk.pk, at=world.at)
    return run


def test_the_campaign_of_higher_priority_wins_and_the_loser_says_so(world: World, sink: Sink) -> None:
    client = world.client(1)
    low = wants(world, "low", priority=5)
    high = wants(world, "high", priority=20)

    assert delivery.send(limit=9, at=world.at).sent == 1

    lost, won = Message.objects.get(run=low), Message.objects.get(run=high)
    assert (won.state, won.window, lost.state, lost.reason) == ("sent", None, "suppressed", "lost")
    assert lost.window == {"lost_to": str(won.pk), "campaign": "High", "value": 5, "best": 20, "margin": None}
    assert "It lost to “High” by its priority alone." in reasons.told(lost)
    assert runs.counts(low.pk) == runs.Counts(audience=1, suppressed={"lost": 1})
    assert [address for address, _ in sink.mails] == [client.email]


def test_the_value_decides_where_every_message_has_a_prediction(world: World, sink: Sink) -> None:
    clients = [world.client(number) for number in (1, 2)]
    first, second = wants(world, "first", priority=1), wants(world, "second", priority=1)
    Message.objects.update(state="pending", reason="", window=None)
    Message.objects.filter(run=first).update(score=0.3)
    Message.objects.filter(run=second, client=clients[0]).update(score=0.5)
    Message.objects.filter(run=second, client=clients[1]).update(score=0.1)

    ids = np.array([one.pk for one in clients])
    assert (arbiter.settle(ids, at=world.at), arbiter.settle(ids, at=world.at)) == (2, 0)

    losers = {one.client_id: one for one in Message.objects.filter(reason="lost")}
    assert (losers[clients[0].pk].run, losers[clients[1].pk].run) == (first, second)
    assert losers[clients[0].pk].window["margin"] == pytest.approx(0.2)
    assert "by 0.200" in reasons.told(losers[clients[0].pk])


def test_a_tie_goes_to_whoever_was_first_and_a_deferred_loser_waits_for_tomorrow(world: World, sink: Sink) -> None:
    world.client(1)
    first = wants(world, "first")
    second = wants(world, "second", when_capped="deferred")

    waiting = Message.objects.get(run=second)
    assert Message.objects.get(run=first).reason == ""
    assert (waiting.state, waiting.reason) == ("pending", "lost_today")
    assert waiting.due_at.astimezone(ZoneInfo("Europe/London")).hour == 0
    assert waiting.due_at > world.at


def test_the_firms_cap_for_a_day_says_how_many_stay(world: World, sink: Sink) -> None:
    world.client(1)
    caps.keep(days=1, most=2, by=world.marketer, at=world.at)
    for slug in ("one", "two", "three"):
        wants(world, slug)

    assert delivery.send(limit=9, at=world.at).sent == 2
    assert Message.objects.filter(reason="lost").count() == 1


def test_a_service_message_is_no_contender(world: World, sink: Sink) -> None:
    world.client(1)
    wants(world, "offer", priority=100)
    run = wants(world, "other", priority=1)
    Run.objects.filter(pk=run.pk).update(plan={**run.plan, "purpose": "service"})
    Message.objects.update(state="pending", reason="", window=None)

    assert arbiter.settle(np.array([Message.objects.first().client_id]), at=world.at) == 0
