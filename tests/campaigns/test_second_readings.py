"""Texts that went by the policy for plain words are drawn to be read as a whole; what was read or never went is not."""

from datetime import timedelta

import pytest

from campaigns import secondreadings as drawing
from campaigns import variants
from campaigns.models import Campaign, Message, Run, Variant
from compliance.models import Client, SecondReading
from tests.campaigns.world import World

pytestmark = pytest.mark.django_db


def went(world: World, campaign: Campaign, variant: Variant, number: int) -> None:
    """One message with these words was sent."""
    run = Run.objects.filter(campaign=campaign).first() or Run.objects.create(
        campaign=campaign, number=1, seed=1, plan={}, policy="rules-1", phase="rules", audience=1,
        launched_by=world.marketer, launched_at=world.at,
    )  # fmt: skip
    client = Client.objects.create(user_id=f"w{number}", first_seen_at=world.at)
    Message.objects.create(
        run=run, campaign=campaign, client=client, channel="email", arm="personalised", variant=variant,
        policy="rules-1", decided_at=world.at, due_at=world.at, state="sent", intent_at=world.at, sent_at=world.at,
    )  # fmt: skip


def made(world: World, campaign: Campaign) -> dict[str, Variant]:
    parts = {one.version.block.slug: one.version for one in campaign.candidates.select_related("version__block")}
    return {
        name: variants.ensure(campaign, [parts["hello"], parts[name], parts["read"]], by=world.marketer, at=world.at)
        for name in ("plain", "calm", "bold")
    }


def test_what_went_unread_is_drawn_once_and_what_never_went_is_not(world: World) -> None:
    campaign = world.campaign()
    texts = made(world, campaign)
    for number, name in enumerate(("plain", "calm")):
        went(world, campaign, texts[name], number)

    assert drawing.draw(at=world.at + timedelta(hours=1)) == 2
    assert drawing.draw(at=world.at + timedelta(hours=2)) == 0

    rows = SecondReading.objects.order_by("pk")
    assert {one.digest for one in rows} == {texts["plain"].digest, texts["calm"].digest}
    assert {(one.stratum, one.chance, one.first_verdict, one.campaign) for one in rows} == {
        ("passed", 1.0, "approve", "guide")
    }
    assert {one.snapshot["parts"]["subject"] for one in rows} == {"A short guide to your plan"}
    assert all(world.marketer.pk in one.involved for one in rows)


def test_thirty_a_week_of_each_campaign_and_each_with_its_chance(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "WEEKLY", 1)
    campaign = world.campaign()
    texts = made(world, campaign)
    for number, one in enumerate(texts.values()):
        went(world, campaign, one, number)

    assert [drawing.draw(at=world.at + timedelta(hours=hours)) for hours in (1, 2)] == [1, 0]

    assert SecondReading.objects.get().chance == pytest.approx(1 / 3)
