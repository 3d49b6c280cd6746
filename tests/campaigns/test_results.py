"""Results count everybody on the side they were drawn for, and words never beat the interval."""

from datetime import timedelta

from campaigns import results, runs
from campaigns.models import Arm, Campaign, Chunk, Message
from personalize.models import Outcome
from tests.campaigns.world import World


def launched(world: World, *, clients: int, **fields: object) -> Campaign:
    for number in range(clients):
        world.client(number)
    campaign = world.campaign(success_metric="plan_kept", **fields)
    run = runs.launch(campaign, by=world.marketer, at=world.at)
    runs.assemble(Chunk.objects.get(run=run).pk, at=world.at)
    return campaign


def succeed(message: Message, *, at: object) -> None:
    Outcome.objects.create(client_id=message.client_id, kind="plan_kept", value=1.0, at=at, source="test")


def test_sides_count_all_who_could_have_been_written_to(world: World) -> None:
    world.client(900, consented=False)
    campaign = launched(world, clients=40, share_control=0.3, share_holdout=0.2)
    later = world.at + timedelta(days=31)
    for message in Message.objects.exclude(reason="unknown"):
        succeed(message, at=world.at + timedelta(days=1))

    found = results.summary(campaign, at=later)

    counted = dict(Message.objects.exclude(reason="unknown").values_list("client", "arm"))
    assert {one.arm: one.n for one in found.arms} == {arm: list(counted.values()).count(arm) for arm in Arm}
    assert [one.outcome_rate for one in found.arms] == [1.0, 1.0, 1.0]
    assert [one.matured for one in found.arms] == [one.n for one in found.arms]
    assert [one.versus for one in found.effects] == ["Segmented control", "Holdout"]


def test_an_outcome_before_the_message_or_after_its_days_is_not_the_campaigns(world: World) -> None:
    campaign = launched(world, clients=2, metric_days=30)
    early, late = Message.objects.order_by("client_id")
    succeed(early, at=world.at - timedelta(seconds=1))
    succeed(late, at=world.at + timedelta(days=30, seconds=1))

    found = results.summary(campaign, at=world.at + timedelta(days=60))

    assert [(one.arm, one.n, one.outcomes) for one in found.arms] == [(Arm.PERSONALISED, 2, 0)]
    succeed(early, at=world.at + timedelta(days=30))
    again = results.summary(campaign, at=world.at + timedelta(days=60))
    assert [one.outcomes for one in again.arms] == [1]


def test_little_data_is_never_called_better(world: World) -> None:
    campaign = launched(world, clients=30, share_control=0.5, share_holdout=0.0)
    for message in Message.objects.filter(arm=Arm.PERSONALISED):
        succeed(message, at=world.at + timedelta(days=1))

    (effect,) = results.summary(campaign, at=world.at + timedelta(days=31)).effects

    assert not effect.enough
    assert effect.verdict == "Not enough data yet to compare with the segmented control."


def test_sides_of_the_wrong_size_conclude_nothing(world: World) -> None:
    campaign = launched(world, clients=60, share_control=0.5, share_holdout=0.0)
    Message.objects.filter(arm=Arm.CONTROL).update(arm=Arm.PERSONALISED)
    Message.objects.filter(pk__in=Message.objects.values("pk")[:1]).update(arm=Arm.CONTROL)

    found = results.summary(campaign, at=world.at + timedelta(days=31))

    assert not found.srm_ok
    assert "nothing can be concluded" in found.effects[0].verdict
