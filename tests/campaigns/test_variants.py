"""Variants: one row an exact text, held for a person when it must be, and gone with its blocks."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from campaigns import blocks, variants
from campaigns.models import BlockVersion, Campaign, Variant
from compliance import review
from compliance.models import Authorship, ReviewItem, ReviewKind
from tests.campaigns.world import World

PARTS = ("hello", "plain", "read")


def ensure(world: World, campaign: Campaign, versions: list[BlockVersion], **more: int) -> Variant:
    return variants.ensure(campaign, versions, by=world.marketer, at=world.at, **more)


def standing(world: World, variant: Variant, *, hours: int = 0) -> str:
    return variants.standing([variant], at=world.at + timedelta(hours=hours))[variant.pk]


@pytest.fixture
def campaign(world: World) -> Campaign:
    return world.campaign()


@pytest.fixture
def parts(world: World, campaign: Campaign) -> list[BlockVersion]:
    return [world.block(one) for one in PARTS]


def test_plain_words_of_approved_blocks_may_go(world: World, campaign: Campaign, parts: list[BlockVersion]) -> None:
    variant = ensure(world, campaign, parts)

    assert standing(world, variant) == "go"
    assert (variant.needs_review, variant.topics) == (False, [])
    assert variant.versions == [one.pk for one in parts]
    assert variant.links == ["https://www.harbourwell.example/guide"]
    assert not ReviewItem.objects.filter(kind=ReviewKind.VARIANT).exists()


def test_the_same_text_is_the_same_row(world: World, campaign: Campaign, parts: list[BlockVersion]) -> None:
    assert ensure(world, campaign, parts).pk == ensure(world, campaign, parts).pk
    other = world.campaign("other")
    twin = ensure(world, other, parts)

    assert twin.digest == Variant.objects.get(campaign=campaign).digest
    assert Variant.objects.count() == 2


def test_a_block_nobody_approved_holds_the_text_until_it_is(world: World, campaign: Campaign) -> None:
    fresh = world.block("fresh", slot="body", body="Something nobody has read yet.", approved=False)
    variant = ensure(
        world, campaign, [world.block("hello", approved=False), fresh, world.block("read", approved=False)]
    )

    assert standing(world, variant) == "held"
    item = ReviewItem.objects.get(kind=ReviewKind.VARIANT)
    assert (item.digest, item.reason) == (variant.digest, "A block in it still waits for an editor.")
    block_item = ReviewItem.objects.get(digest=fresh.digest)
    review.approve(block_item.pk, by=world.editor, seen=fresh.digest, reason="fine", at=world.at)
    assert standing(world, variant) == "go"


def test_a_sensitive_text_is_held_though_its_blocks_are_approved(
    world: World, campaign: Campaign, editor2, officer
) -> None:
    body = world.block(
        "debt", slot="body", body="If you are worried about debt, StepChange offers free help.", approved=False
    )
    for by in (world.editor, officer):
        review.approve(
            ReviewItem.objects.get(digest=body.digest).pk, by=by, seen=body.digest, reason="fine", at=world.at
        )

    variant = ensure(world, campaign, [world.block("hello"), body, world.block("read")], reach=40)
    item = ReviewItem.objects.get(kind=ReviewKind.VARIANT)

    assert standing(world, variant) == "held"
    assert (variant.needs_review, "debt" in variant.topics) == (True, True)
    assert item.reach == 40
    assert set(item.snapshot["parts"]) == {"subject", "preheader", "text", "html"}
    assert item.snapshot["campaign"] == campaign.slug
    for one in item.findings:
        assert one["end"] <= len(item.snapshot["parts"][one["part"]])
    assert any("debt" in variant.text[one["start"] : one["end"]].lower() for one in item.findings)
    assert world.marketer.pk in Authorship.objects.filter(digest=variant.digest).values_list("staff", flat=True)
    for by in (editor2, officer):
        review.approve(item.pk, by=by, seen=variant.digest, reason="fine", at=world.at)
    assert standing(world, variant) == "go"


def test_a_block_that_ends_or_is_withdrawn_takes_its_texts_with_it(world: World, campaign: Campaign, parts) -> None:
    variant = ensure(world, campaign, parts)

    blocks.withdraw(parts[1].pk, reason="Wrong figure", by=world.marketer, at=world.at + timedelta(hours=1))

    assert standing(world, variant) == "go"
    assert standing(world, variant, hours=1) == "rejected"


def test_a_rejected_block_rejects_the_text(world: World, campaign: Campaign, parts) -> None:
    bad = world.block("bad", slot="body", body="Words that nobody likes.", approved=False)
    variant = ensure(world, campaign, [parts[0], bad, parts[2]])

    world.reject()

    assert standing(world, variant) == "rejected"


def test_an_approval_that_ended_is_asked_for_again(world: World, campaign: Campaign, parts) -> None:
    variant = ensure(world, campaign, parts)
    much_later = world.at + timedelta(days=400)

    assert variants.standing([variant], at=much_later)[variant.pk] == "held"
    variants.ensure(campaign, parts, by=world.marketer, at=much_later)

    assert ReviewItem.objects.get(kind=ReviewKind.VARIANT).state == "waiting"


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("plain", "read"), "exactly one subject"),
        (("hello", "hello-goal", "plain", "read"), "exactly one subject"),
        (("hello", "read"), "says something"),
        (("hello", "plain"), "exactly one call to action"),
        (("hello", "isa", "read"), "add a disclosure"),
    ],
)
def test_blocks_that_make_no_message_are_refused(world: World, campaign: Campaign, names, sentence) -> None:
    world.block("isa", slot="body", body="How an ISA works.", topics=["isa"])
    made = [
        world.block(one, **({"slot": "body", "body": "How an ISA works.", "topics": ["isa"]} if one == "isa" else {}))
        for one in names
    ]

    with pytest.raises(variants.BadCombination) as refused:
        ensure(world, campaign, made)

    assert sentence in " ".join(refused.value.sentences)
    assert not Variant.objects.exists()


def test_the_database_keeps_the_words_of_a_variant(world: World, campaign: Campaign, parts) -> None:
    variant = ensure(world, campaign, parts)

    for change in ("html = 'Other'", "links = '[\"https://evil.test\"]'", "digest = repeat('0', 64)"):
        with pytest.raises(IntegrityError, match="never change"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE campaigns_variant SET {change} WHERE id = %s", [variant.pk])


@pytest.mark.parametrize("n", [1, 3])
def test_standing_asks_twice_for_any_number(world: World, campaign: Campaign, n, django_assert_num_queries) -> None:
    made = [
        ensure(world, campaign, [world.block("hello"), world.block(one), world.block("read")])
        for one in ("plain", "calm", "bold")
    ]

    with django_assert_num_queries(2):
        assert set(variants.standing(made[:n], at=world.at).values()) == {"go"}
