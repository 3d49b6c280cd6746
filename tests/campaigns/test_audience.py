"""Words reach only whom they were approved for, and never show a sensitive value to others."""

import numpy as np
import pytest

from campaigns import choosing, plans, variants
from campaigns.models import Message, Variant
from compliance.models import Channel
from personalize.decide.limits import Closed
from tests.campaigns.test_caps import again
from tests.campaigns.world import World

NARROW = {
    "for-professionals": ({"audience": "professional"}, Closed.AUDIENCE),
    "for-america": ({"markets": ["US"]}, Closed.MARKET),
    "for-the-experienced": ({"knowledge": "experienced"}, Closed.KNOWLEDGE),
}


@pytest.mark.django_db
def test_t21_words_reach_only_the_audience_market_and_knowledge_they_were_approved_for(world: World) -> None:
    for slug, (meant_for, _) in NARROW.items():
        world.block(slug, slot="body", body=f"A guide, {slug.replace('-', ' ')}.", **meant_for)
    parts = (("hello", True), *((slug, False) for slug in NARROW), ("plain", True), ("read", True))
    campaign = world.campaign(parts=parts)
    nobody, professional, american, expert = (
        world.client(1),
        world.client(2, client_category="professional"),
        world.client(3),
        world.client(4, experience="experienced"),
    )
    type(american).objects.filter(pk=american.pk).update(jurisdiction="US")
    ids = np.array([one.pk for one in (nobody, professional, american, expert)])

    run = again(world, campaign)
    decided = choosing.decide(run.plan, ids, seed=run.seed, at=world.at)

    closed = [Closed(code) for code in decided.closed[0, 1:4]]
    assert closed == [why for _, why in NARROW.values()]
    opened = [[Closed(code) == Closed.OPEN for code in decided.closed[row, 1:4]] for row in (1, 2, 3)]
    assert opened == [[True, False, False], [False, True, False], [False, False, True]]
    sent = {one.client_id: one.variant.text for one in Message.objects.select_related("variant")}
    assert "Here is what your plan does" in sent[nobody.pk]
    assert [sent[one.pk].split(".")[0] for one in (professional, american, expert)] == [
        "A guide, for professionals", "A guide, for america", "A guide, for the experienced",
    ]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("meant_for", [meant_for for meant_for, _ in NARROW.values()])
def test_t21_words_for_some_are_never_the_fallback_for_everybody(world: World, meant_for: dict) -> None:
    world.client(1)
    world.block("narrow", slot="body", body="A guide for some.", **meant_for)
    campaign = world.campaign(parts=(("hello", True), ("narrow", True), ("read", True)))
    wide = world.campaign("wide", parts=(("hello", True), ("narrow", False), ("plain", True), ("read", True)))

    codes = [one.code.rpartition("_")[0] for one in plans.blockers(campaign, at=world.at)]

    assert codes == ["narrow_fallback"]
    assert plans.blockers(wide, at=world.at) == []


@pytest.mark.django_db
def test_t21_a_message_about_one_product_does_not_carry_the_disclosure_of_another(world: World) -> None:
    parts = {
        "subject": world.block("hello"),
        "isa": world.block("isa", slot="body", body="What an ISA is.", topics=["isa"]),
        "pension": world.block("pension", slot="body", body="What a pension is.", topics=["pension"]),
        "note": world.block("note", slot="disclosure", body="Values fall as well as rise.", topics=["investment"]),
        "read": world.block("read"),
    }
    campaign = world.campaign()

    def made_of(body: str) -> list:
        return [parts[one] for one in ("subject", body, "note", "read")]

    with pytest.raises(variants.BadCombination, match="nothing is disclosed about pension"):
        variants.ensure(campaign, made_of("pension"), by=world.marketer, at=world.at)
    assert not Variant.objects.exists()
    assert variants.ensure(campaign, made_of("isa"), by=world.marketer, at=world.at).pk


@pytest.mark.django_db
def test_t21_blocks_of_different_markets_are_no_message(world: World) -> None:
    here = world.block("here", slot="body", body="For you here.", markets=["UK", "EU"])
    there = world.block("there", slot="subject", body="For you there", markets=["US"])
    both = world.block("both", slot="subject", body="For you both", markets=["EU", "US"])
    read = world.block("read")

    assert variants.missing([there, here, read]) == [
        "These blocks were approved for different markets: no client is in all of them."
    ]
    assert variants.missing([both, here, read]) == []


@pytest.mark.django_db
def test_t13_no_sensitive_value_shows_on_a_lock_screen_or_in_an_address(world: World) -> None:
    body = world.block("saving", slot="body", body="You save {{ monthly_saving }} a month.")
    hello, read = world.block("hello"), world.block("read")
    message = [hello, body, read]

    assert variants.missing(message) == []
    for channel in (Channel.SMS, Channel.PUSH):
        assert variants.missing(message, channel=channel) == [
            "“Monthly saving in pounds” is sensitive and would show on a lock screen."
        ]
    # A field that became sensitive after its subject was approved: the assembler looks again.
    hello.body = "At {{ retirement_age }}"
    assert variants.missing(message) == [
        "“Age the client hopes to retire at” is sensitive and would show on a lock screen."
    ]
