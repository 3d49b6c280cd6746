"""Blocks: kept whole or refused by field, frozen when published, and never pulled from under a campaign."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from campaigns import blocks, drafts
from campaigns.drafts import Draft
from campaigns.models import Block, BlockVersion, Slot
from compliance import review
from compliance.models import Authorship, LedgerEntry, ReviewItem
from compliance.words import lint
from tests.campaigns.world import World

CLAIM = {"text": "no fee for leaving", "evidence": "Price list 12, page 3", "as_of": "2026-09-01"}
SHIPPED = lint.shipped()
DEMO = Path(blocks.__file__).parent / "demo" / "blocks.json"


def draft(world: World, **words: Any) -> BlockVersion:
    asked = {"slug": "guide-body", "slot": "body", "name": "Guide", "body": "Here is the guide.", **words}
    return blocks.draft(by=world.marketer, at=world.at, **asked)


def test_a_new_wording_is_a_new_version_and_the_same_one_is_not(world: World) -> None:
    first = draft(world)
    same = draft(world, body="Here is the guide.\r\n")
    second = draft(world, body="Here is a better guide.")

    assert same == first
    assert [(one.number, one.body) for one in Block.objects.get().versions.order_by("number")] == [
        (1, "Here is the guide."),
        (2, "Here is a better guide."),
    ]
    assert first.digest != second.digest == drafts.digest(second, slot="body")


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"body": ""}, "body"),
        ({"body": "{{ balance }}"}, "body"),
        ({"body": "{% now %}"}, "body"),
        ({"slot": "subject", "body": "x" * 91}, "body"),
        ({"slot": "subject", "body": "x" * 60 + "{{ first_name }}"}, "body"),
        ({"slot": "subject", "body": "two\nlines"}, "body"),
        ({"slot": "subject", "body": "At {{ retirement_age }}"}, "body"),
        ({"slot": "preheader", "body": "You save {{ monthly_saving }}"}, "body"),
        ({"slot": "headline"}, "slot"),
        ({"framing": "bold"}, "framing"),
        ({"language": "english"}, "language"),
        ({"url": "https://a.example"}, "url"),
        ({"slot": "call_to_action", "body": "Go"}, "url"),
        ({"slot": "call_to_action", "body": "Go", "url": "javascript:alert(1)"}, "url"),
        ({"slot": "call_to_action", "body": "Go", "url": "//a.example"}, "url"),
        ({"slot": "call_to_action", "body": "Go", "url": "https://u:p@a.example/"}, "url"),
        ({"slot": "call_to_action", "body": "Go", "url": "https://a.example/{{ first_name }}"}, "url"),
        ({"slot": "call_to_action", "body": "Go", "url": "https://[bad/"}, "url"),
        ({"slot": "call_to_action", "body": "Go", "url": "https://a.example/?utm_campaign=in-arrears"}, "url"),
        ({"slot": "call_to_action", "body": "Go", "url": "https://a.example/?s=%64ebt"}, "url"),
        ({"slot": "call_to_action", "body": "Go", "url": "https://a.example/#bereaved"}, "url"),
        ({"audience": "everybody"}, "audience"),
        ({"markets": ["UK", "FR"]}, "markets"),
        ({"knowledge": "wise"}, "knowledge"),
        ({"claims": [{**CLAIM, "until": "2026-2-30"}]}, "claims"),
        ({"slot": "call_to_action", "body": "Go", "url": 'https://a.example/"onclick='}, "url"),
        ({"slot": "visual", "body": "A boat"}, "image"),
        ({"slot": "visual", "body": "A boat", "image": "../app.css"}, "image"),
        ({"slot": "visual", "body": "A boat", "image": "missing.png"}, "image"),
        ({"image": "harbour.png"}, "image"),
        ({"topics": ["Not A Code"]}, "topics"),
        ({"claims": [{"text": "We are cheap"}]}, "claims"),
        ({"claims": [{**CLAIM, "as_of": "yesterday"}]}, "claims"),
        ({"claims": [{**CLAIM, "note": "x"}]}, "claims"),
        ({"slug": "Not a slug"}, "slug"),
        ({"name": " "}, "name"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_kept(world: World, words: dict[str, Any], field: str) -> None:
    with pytest.raises(blocks.BadBlock) as refused:
        draft(world, **words)

    assert list(refused.value.errors) == [field]
    assert not Block.objects.exists()


def test_a_block_keeps_its_slot(world: World) -> None:
    draft(world)

    with pytest.raises(blocks.BadBlock) as refused:
        draft(world, slot="subject")

    assert list(refused.value.errors) == ["slot"]


def test_publishing_freezes_the_words_and_asks_an_editor(world: World) -> None:
    version = blocks.publish(draft(world).pk, by=world.marketer, at=world.at)
    item = ReviewItem.objects.get()

    assert version.published_at == world.at
    assert (item.kind, item.digest, item.topics, item.state) == ("block", version.digest, [], "waiting")
    assert item.snapshot["parts"] == {"body": "Here is the guide."}
    assert list(Authorship.objects.values_list("staff", flat=True)) == [world.marketer.pk]
    assert list(
        LedgerEntry.objects.filter(kind__startswith="block.").order_by("id").values_list("kind", flat=True)
    ) == [
        "block.drafted",
        "block.published",
    ]
    with pytest.raises(blocks.AlreadyPublished):
        blocks.publish(version.pk, by=world.marketer, at=world.at)


def test_sensitive_words_say_where_and_why(world: World) -> None:
    version = draft(world, body="Hello {{ first_name }}, are you worried about debt you cannot repay?")

    blocks.publish(version.pk, by=world.marketer, at=world.at)
    item = ReviewItem.objects.get()

    assert "debt" in item.topics
    assert item.approvals_needed >= 2
    assert item.reason.startswith("Touches")
    assert {version.body[one["start"] : one["end"]] for one in item.findings} >= {"debt you cannot repay"} or any(
        "debt" in version.body[one["start"] : one["end"]] for one in item.findings
    )
    assert {one["part"] for one in item.findings} == {"body"}


def test_words_a_rule_blocks_go_to_an_officer_flagged(world: World) -> None:
    version = draft(world, body="Guaranteed returns of 9% a year. You cannot lose.")

    assert blocks.judge(version, rulebook=SHIPPED).blocked
    blocks.publish(version.pk, by=world.marketer, at=world.at)

    assert "only a compliance officer may override" in ReviewItem.objects.get().reason


def test_a_declared_sensitive_topic_counts_even_when_no_word_shows_it(world: World) -> None:
    version = draft(world, topics=["bereavement", "support"])

    blocks.publish(version.pk, by=world.marketer, at=world.at)

    assert ReviewItem.objects.get().topics == ["bereavement"]


@pytest.mark.parametrize(
    "change",
    [
        "body = 'Other'",
        "digest = repeat('0', 64)",
        "published_at = null",
        "claims = '[]'::jsonb || '[1]'",
        "number = 9",
    ],
)
def test_the_database_keeps_published_words(world: World, change: str) -> None:
    version = blocks.publish(draft(world).pk, by=world.marketer, at=world.at)

    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE campaigns_blockversion SET {change} WHERE id = %s", [version.pk])
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM campaigns_blockversion WHERE id = %s", [version.pk])
    version.refresh_from_db()
    assert version.body == "Here is the guide."


def test_approved_means_published_approved_and_not_ended(world: World) -> None:
    good, ended, waiting, rough = (
        world.block("good", slot="body", body="One guide."),
        world.block("ended", slot="body", body="Two guides."),
        world.block("waiting", slot="body", body="Three guides.", approved=False),
        draft(world),
    )
    ids = [one.pk for one in (good, ended, waiting, rough)]

    assert blocks.approved(ids, at=world.at) == {good.pk, ended.pk}
    blocks.withdraw(ended.pk, reason="Out of date", by=world.marketer, at=world.at + timedelta(hours=1))
    assert blocks.approved(ids, at=world.at + timedelta(minutes=59)) == {good.pk, ended.pk}
    assert blocks.approved(ids, at=world.at + timedelta(hours=1)) == {good.pk}


def test_a_block_in_use_is_not_archived(world: World) -> None:
    campaign = world.campaign()

    with pytest.raises(blocks.InUse) as refused:
        blocks.archive("calm", by=world.marketer, at=world.at)

    assert refused.value.campaigns == (campaign.name,)
    assert Block.objects.get(slug="calm").archived_at is None
    campaign.candidates.filter(version__block__slug="calm").delete()
    blocks.archive("calm", by=world.marketer, at=world.at)
    assert Block.objects.get(slug="calm").archived_at == world.at


def _demo(block: dict[str, Any]) -> Draft:
    return Draft(**{name: block[name] for name in Draft.__slots__ if name in block})


def test_the_demo_library_is_sound_and_few_of_its_texts_name_a_topic() -> None:
    library = json.loads(DEMO.read_text(encoding="utf-8"))
    faults, routed = {}, set()
    for one in library:
        words = drafts.tidy(_demo(one))
        if found := drafts.problems(words):
            faults[one["slug"]] = found
        elif (judged := blocks.judge(words, rulebook=SHIPPED)).topics or judged.lint:  # the second look is cautious
            routed.add(one["slug"])

    assert faults == {}
    assert len({one["slug"] for one in library}) == len(library) >= 48
    assert {one["slot"] for one in library} == set(Slot.values)
    assert 6 <= len(routed) <= len(library) // 3
    assert not any(blocks.judge(_demo(one), rulebook=SHIPPED).blocked for one in library)


def test_publishing_the_same_words_under_another_name_is_one_review(world: World) -> None:
    first = blocks.publish(draft(world).pk, by=world.marketer, at=world.at)
    world.approve()

    twin = blocks.publish(draft(world, slug="twin").pk, by=world.marketer, at=world.at)

    assert ReviewItem.objects.count() == 1
    assert review.standing([twin.digest], at=world.at) == {first.digest: "approved"}
