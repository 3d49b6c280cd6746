"""Whatever happens in whatever order: audience = sent + not sent + held + failed + waiting + unconfirmed, always."""

import random
from datetime import timedelta

import pytest

from campaigns import plans, runs
from campaigns.models import Chunk, Message, MessageState, Run
from campaigns.sending import delivery
from compliance.models import Client
from tests.campaigns.sink import Sink
from tests.campaigns.world import World

ANSWERS = ("250 2.0.0 ok", "drop", "451 4.7.1 later", "550 5.1.1 nobody", "554 5.7.1 no")


@pytest.mark.parametrize("seed", range(4))
def test_everybody_is_accounted_for_after_every_step(
    world: World, sink: Sink, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(runs, "CHUNK", 3)
    dice, at = random.Random(seed), world.at
    for number in range(14):
        email = f"shared{number % 9}@mail.example"
        client = world.client(number, email=email, consented=dice.random() < 0.8, risk_tolerance="growth")
        sink.at_dot[client.email] = dice.choice(ANSWERS)
    campaign = world.campaign(share_control=0.2, share_holdout=0.15, max_per_week=2)
    plans.add_candidate(campaign, world.block("hello-goal", approved=False), by=world.marketer, at=at)
    run = runs.launch(campaign, by=world.marketer, at=at)
    clients = list(Client.objects.order_by("pk"))

    steps = {
        "assemble": lambda: runs.assemble(dice.choice(list(Chunk.objects.values_list("pk", flat=True))), at=at),
        "send": lambda: delivery.send(limit=dice.randint(1, 5), at=at),
        "reap": lambda: delivery.reap(at=at),
        "release": lambda: runs.release(at=at),
        "decide": lambda: world.approve() if dice.random() < 0.5 else world.reject(),
        "withdraw": lambda: world.withdraw(dice.choice(clients), at=at),
        "die after claim": lambda: strand(dice, at, "claimed"),
        "die after intent": lambda: strand(dice, at, "intent"),
        "resolve": lambda: resolve(world, dice, at),
        "finish": lambda: runs.finish(at=at),
    }
    for _ in range(45):
        name = dice.choice(list(steps))
        at += timedelta(minutes=dice.choice((0, 2, 20)))
        steps[name]()
        assert runs.counts(run.pk).adds_up, (name, runs.counts(run.pk))
    end(run, world, at)

    counts = runs.counts(run.pk)
    assert counts.adds_up
    assert counts.pending == counts.held == 0
    assert max(sink.mails.count(one) for one in sink.mails) == 1 if sink.mails else True
    arrived = [address for address, _ in sink.mails]
    assert len(arrived) == len(set(arrived))


def strand(dice: random.Random, at: object, state: str) -> None:
    """A worker dies: its message stays as it left it."""
    waiting = list(Message.objects.filter(state="pending").order_by("pk"))
    if waiting:
        one = dice.choice(waiting)
        twins = Message.objects.filter(address=one.address, state__in=("intent", "sent", "unconfirmed"))
        if not twins.exists():
            Message.objects.filter(pk=one.pk).update(
                state=state, lease=one.pk, lease_until=at, intent_at=at if state == "intent" else None
            )


def resolve(world: World, dice: random.Random, at: object) -> None:
    doubt = Message.objects.filter(state=MessageState.UNCONFIRMED).order_by("pk").first()
    if doubt is not None:
        delivery.resolve(doubt.pk, delivered=dice.random() < 0.5, by=world.marketer, at=at)


def end(run: Run, world: World, at: object) -> None:
    """Let everything come to its end."""
    world.approve()
    for chunk in Chunk.objects.filter(run=run):
        runs.assemble(chunk.pk, at=at + timedelta(hours=1))
    world.approve()
    for day in range(1, 9):
        later = at + timedelta(days=day)
        delivery.reap(at=later)
        runs.release(at=later)
        delivery.send(limit=100, at=later)
    runs.finish(at=at + timedelta(days=9))
    run.refresh_from_db()
    assert run.state == "finished"
