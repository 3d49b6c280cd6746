"""Every channel's message stands by itself: measured in a browser, and found by the assembler before it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from playwright.sync_api import Browser

from campaigns import drafts, layout, plans, runs, serving, structure, variants
from campaigns.models import BlockVersion, Variant
from compliance.models import ReviewItem
from tests.campaigns.test_serving import may_see_web
from tests.campaigns.world import World

NOTE = "Values fall as well as rise. You may get back less than you put in, and nobody can tell you when."
MEASURE = """() => {
    const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
    const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const light = (colour) => {
        const [r, g, b] = colour.slice(0, 3).map((one) => linear(one / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (one) => {
        for (let at = one; at; at = at.parentElement) {
            const colour = rgb(getComputedStyle(at).backgroundColor);
            if (colour.length < 4 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    const isCut = (one, box) => {
        for (let at = one; at && at !== document.documentElement; at = at.parentElement) {
            const frame = at.getBoundingClientRect();
            const over = box.bottom > frame.bottom + 1 || box.right > frame.right + 1;
            if (getComputedStyle(at).overflow !== 'visible' && over) return true;
        }
        return false;
    };
    const seen = (words) => {
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        for (let node = walk.nextNode(); node; node = walk.nextNode()) {
            if (!node.textContent.replace(/\\s+/g, ' ').includes(words)) continue;
            const one = node.parentElement, style = getComputedStyle(one), range = document.createRange();
            range.selectNodeContents(node);
            const box = range.getBoundingClientRect();
            if (!box.height || style.visibility === 'hidden') continue;
            const [a, b] = [light(rgb(style.color)), light(ground(one))].sort((x, y) => y - x);
            return {
                top: box.top, bottom: box.bottom, right: box.right, size: parseFloat(style.fontSize),
                cut: isCut(one, box), contrast: (a + 0.05) / (b + 0.05),
            };
        }
        return null;
    };
    return {
        seen: Object.fromEntries(WORDS.map((one) => [one, seen(one)])), width: document.documentElement.clientWidth,
    };
}"""
WAYS = {
    "wide": ({"width": 1280, "height": 900}, "light"),
    "narrow": ({"width": 360, "height": 740}, "light"),
    "narrow and dark": ({"width": 360, "height": 740}, "dark"),
}
NOTE_STYLE = "font:16px/1.55 Arial,Helvetica,sans-serif;color:#26393e;"
SPOILT: dict[str, tuple[str, str, str]] = {
    "small print": (NOTE_STYLE, NOTE_STYLE.replace("16px", "9px"), "The disclosure is smaller than the body."),
    "grey on cream": (
        NOTE_STYLE, NOTE_STYLE.replace("26393e", "d8d2c0"), "The disclosure cannot be read: too little contrast.",
    ),
    "cut off": (
        f'<p style="margin:0;">{NOTE}', f'<p style="margin:0;height:20px;overflow:hidden;">{NOTE}',
        "The disclosure can be cut off or hidden.",
    ),
    "no way out": (">Unsubscribe<", "><", "It has no link to unsubscribe."),
    "no address": ("4 Quay Street, Bristol BS1 4DJ, United Kingdom", "", "The footer lacks the firm’s address."),
    "left out": (NOTE, "", "Words of the disclosure are missing from the message."),
}  # fmt: skip


def texts(versions: list) -> dict[str, str]:
    return {one.block.slot: one.body for one in versions}


def measured(browser: Browser, html: str, words: dict[str, str], way: str) -> dict[str, Any]:
    """Where and how each slot's words stand in a real browser."""
    size, scheme = WAYS[way]
    context = browser.new_context(viewport=size, color_scheme=scheme, java_script_enabled=True)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_content(html, wait_until="domcontentloaded")
    found = page.evaluate(MEASURE.replace("WORDS", json.dumps(list(words.values()))))
    context.close()
    return {slot: found["seen"][text] for slot, text in words.items()} | {"width": found["width"]}


def amiss(found: dict[str, Any]) -> list[str]:
    """What a person with this screen would find wrong."""
    said = [f"{slot} is not seen" for slot, one in found.items() if one is None]
    shown = {slot: one for slot, one in found.items() if isinstance(one, dict)}
    said += [f"{slot} is cut" for slot, one in shown.items() if one["cut"] or one["right"] > found["width"] + 1]
    said += [f"{slot} is faint" for slot, one in shown.items() if one["contrast"] < 4.5]
    note, body, call = (shown.get(one) for one in ("disclosure", "body", "call_to_action"))
    if note and body and note["size"] < body["size"]:
        said.append("disclosure is small")
    if note and call and note["bottom"] > call["top"]:
        said.append("disclosure is late")
    return said


def message(world: World) -> list:
    """Blocks of one message about an investment, with a long disclosure."""
    return [
        world.block("hello"),
        world.block("preface", slot="preheader", body="Two minutes to read"),
        world.block("promise", slot="value_proposition", body="What a share is, in plain words"),
        world.block("share", slot="body", body="A share is a part of a company.", topics=["shares"]),
        world.block("note", slot="disclosure", body=NOTE, topics=["investment"]),
        world.block("read"),
    ]


def test_t11_every_channel_shows_the_disclosure_whole_legible_and_before_the_button(
    world: World, browser: Browser
) -> None:
    versions = message(world)
    pieces = layout.pieces(versions)
    made = layout.compose(pieces, purpose="marketing")
    words = texts([one for one in versions if one.block.slot not in ("subject", "preheader")])
    words |= {"address": settings.FIRM["address"], "way out": "Unsubscribe"}

    assert structure.faults(pieces, made, purpose="marketing") == []
    html = variants.preview(made)
    assert {way: amiss(measured(browser, html, words, way)) for way in WAYS} == {way: [] for way in WAYS}
    plain = [made.text.index(one) for one in (versions[2].body, versions[3].body, NOTE, "/c/{{ click_0", "/u/{{")]
    assert plain == sorted(plain)
    for spoilt, (before, after, said) in SPOILT.items():
        worse = replace(made, html=made.html.replace(before, after))
        assert worse != made, spoilt
        assert structure.faults(pieces, worse, purpose="marketing") == [said], spoilt
        assert amiss(measured(browser, variants.preview(worse), words, "narrow")), spoilt
    late = replace(made, html=_moved(made.html))
    assert structure.faults(pieces, late, purpose="marketing") == ["The disclosure stands after the call to action."]
    assert amiss(measured(browser, variants.preview(late), words, "wide")) == ["disclosure is late"]

    # On a page the firm lays the words out itself: they come whole, in reading order.
    person = may_see_web(world, world.client(1))
    parts = tuple((one.block.slug, True) for one in versions)
    campaign = world.campaign(parts=parts, channel="web", placement="home-hero")
    world.read_together(campaign)
    runs.launch(campaign, by=world.marketer, at=world.at)
    campaign.refresh_from_db()
    content = serving.fill(person, campaign, channel="web", at=world.at).content
    assert content is not None
    assert list(content.items()) == [*texts(versions).items(), ("url", versions[5].url)]


def _moved(html: str) -> str:
    """The same mail with the row of its disclosure behind the row of its button."""
    row = html.index('<tr><td class="pad" style="padding:4px 36px 0;">')
    button = html.index('<tr><td class="pad" style="padding:24px 36px 8px;">')
    footer = html.index('<tr><td class="pad soft" style="padding:28px 36px 32px;')
    return html[:row] + html[button:footer] + html[row:button] + html[footer:]


def test_t11_a_layout_that_fails_makes_no_message_and_blocks_the_launch(world: World, settings: Any) -> None:
    world.client(1)
    versions = message(world)
    campaign = world.campaign(parts=tuple((one.block.slug, True) for one in versions))
    world.read_together(campaign)
    assert plans.blockers(campaign, at=world.at) == []
    settings.FIRM = {**settings.FIRM, "address": " "}

    with pytest.raises(variants.BadCombination, match="lacks the firm’s address"):
        variants.ensure(campaign, versions, by=world.marketer, at=world.at)
    assert not Variant.objects.exists()
    assert [one.sentence for one in plans.blockers(campaign, at=world.at)] == ["The footer lacks the firm’s address."]


@pytest.mark.parametrize(("colour", "ground", "ratio"), [("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48)])
def test_contrast_is_that_of_wcag(colour: str, ground: str, ratio: float) -> None:
    """WCAG 2.2, relative luminance; #777 on white is the known 4.48."""
    assert structure.contrast(colour, ground) == pytest.approx(ratio, abs=0.005)
    assert structure.contrast(ground, colour) == structure.contrast(colour, ground)


def test_t14_what_a_machine_wrote_is_marked_on_the_block_and_wherever_it_is_published(world: World) -> None:
    versions = message(world)
    by_hand = layout.compose(layout.pieces(versions), purpose="marketing")
    versions[3] = world.block(
        "drafted", slot="body", body="A share is a part of a firm.", topics=["shares"], provenance="edited"
    )
    made = layout.compose(layout.pieces(versions), purpose="marketing")

    assert "written by a machine" not in by_hand.html + by_hand.text
    assert "digitalSourceType" not in by_hand.html
    for part in (made.html, made.text):
        assert "Parts of this message were written by a machine. A person approved them." in part
    assert 'content="http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"' in made.html
    assert ReviewItem.objects.get(digest=versions[3].digest).snapshot["provenance"] == "edited"
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        BlockVersion.objects.filter(pk=versions[3].pk).update(provenance="person")
    named = versions[3].digest
    versions[3].provenance = "person"
    assert drafts.digest(versions[3], slot="body") != named

    person = may_see_web(world, world.client(1))
    campaign = world.campaign(parts=tuple((one.block.slug, True) for one in versions), channel="web", placement="p")
    world.read_together(campaign)
    runs.launch(campaign, by=world.marketer, at=world.at)
    campaign.refresh_from_db()
    served = serving.fill(person, campaign, channel="web", at=world.at).blocks
    assert [one["provenance"] for one in served] == ["person", "person", "person", "edited", "person", "person"]
