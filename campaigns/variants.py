"""Variants: one row per exact text that blocks make, and whether that text may go out."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from campaigns import audience, blocks, drafts, exposure, figures, layout, structure, wording
from campaigns.combinations import pairs
from campaigns.models import BlockVersion, Campaign, Slot, Variant
from campaigns.wellbeing import pressing
from compliance import review, routing
from compliance.copyrules import book
from compliance.models import Channel, ReviewKind, Staff
from compliance.words import lint

GO, HELD, REJECTED = "go", "held", "rejected"
# What a block may be about that needs a disclosure in front of the button, besides every claim.
NEEDS_DISCLOSURE = frozenset({
    "investment", "isa", "pension", "fund", "bond_fund", "shares", "investment_loss", "retirement_adequacy",
    "pension_access", "performance_figures", "high_risk_investment", "crypto", "leverage_cfd", "equity_release",
})  # fmt: skip


class BadCombination(ValueError):
    """These blocks do not make a message; `sentences` says why. Nothing was written."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self.sentences = tuple(sentences)
        super().__init__(" ".join(sentences))


def missing(versions: Sequence[BlockVersion], *, channel: str = Channel.EMAIL) -> list[str]:
    """What these blocks lack to be one message, as sentences; empty when they make one."""
    count = {slot: sum(one.block.slot == slot for one in versions) for slot in Slot.values}
    said = []
    if channel == Channel.EMAIL and count[Slot.SUBJECT] != 1:
        said.append(f"A message has exactly one subject line; this one has {count[Slot.SUBJECT]}.")
    if not count[Slot.BODY] and not count[Slot.VALUE_PROPOSITION]:
        said.append("A message says something: add a body or a value proposition.")
    if count[Slot.CALL_TO_ACTION] != 1:
        said.append(f"A message has exactly one call to action; this one has {count[Slot.CALL_TO_ACTION]}.")
    if not count[Slot.DISCLOSURE] and any(one.claims or NEEDS_DISCLOSURE & set(one.topics) for one in versions):
        said.append("These blocks make a claim or speak of an investment: add a disclosure.")
    if len({one.language for one in versions}) > 1:
        said.append("All blocks of a message share one language.")
    return [*said, *audience.mismatches(versions), *exposure.faults(versions, channel=channel)]


@transaction.atomic
def ensure(
    campaign: Campaign,
    versions: Sequence[BlockVersion],
    *,
    by: Staff,
    at: datetime,
    reach: int = 0,
    rulebook: lint.Book | None = None,
) -> Variant:
    """The row of the exact text these versions make in this campaign; made, and sent to review if need be, once.

    versions: in slot order, their blocks loaded. A text that is sensitive, or has a block that nobody approved,
    gets a review item of kind "variant"; `reach` tells the editors how many messages wait for it.
    rulebook: the copy rules in force at `at`, when the caller asked for them in this transaction.
    Raises BadCombination.
    """
    if said := missing(versions, channel=campaign.channel):
        raise BadCombination(said)
    words = layout.pieces(versions)
    made = layout.compose(words, purpose=campaign.purpose)
    if said := structure.faults(words, made, purpose=campaign.purpose):
        raise BadCombination(said)
    digest = text_digest(made, [one.digest for one in versions])
    rulebook = rulebook or book.in_force(at)
    variant, ruleset = Variant.objects.filter(campaign=campaign, digest=digest).first(), routing.ruleset(rulebook)
    if variant is not None and variant.ruleset == ruleset:
        return _resubmit(variant, versions, rulebook, by=by, at=at, reach=reach)
    found = judge(made, campaign.purpose, rulebook=rulebook)
    topics = blocks.sensitive([*found.topics, *(topic for one in versions for topic in one.topics)])
    sensitive = found.must_review or bool(topics)
    # Words that a rule blocks are let pass by an officer who read these very words, never by their pairs.
    may_pair = bool(topics) and not found.blocked
    by_pairs = _by_pairs(made, [one.digest for one in versions], topics, campaign.purpose, at) if may_pair else []
    verdict = {"topics": topics, "needs_review": sensitive, "ruleset": ruleset, "pairs": by_pairs}
    texts = {name: getattr(made, name) for name in ("subject", "preheader", "html", "text", "layout")}
    parts = {"versions": [one.pk for one in versions], "blocks": [one.digest for one in versions]}
    is_urgent = any(one.urgency >= pressing.AT for one in versions)
    marks = {"is_urgent": is_urgent, "is_bound": any(one.figures for one in versions)}
    made_now = {**verdict, **texts, **parts, **marks, "links": list(made.links), "made_at": at}
    variant, _ = Variant.objects.update_or_create(
        campaign=campaign, digest=digest, defaults=verdict, create_defaults=made_now
    )
    if standing([variant], at=at)[variant.pk] == HELD:
        _submit(variant, versions, found, by=by, at=at, reach=reach)
    return variant


def standing(variants: Sequence[Variant], *, at: datetime) -> dict[int, str]:
    """Whether each variant may go out at `at`: "go", "held" until a person decides, or "rejected" for good.

    Go: the variant was approved, or every block of it was and it is not sensitive or was read pair by pair. A block
    that was rejected, withdrawn or has ended makes the variant "rejected", whatever was decided about it before; one
    that shows a figure which ended holds it.
    """
    ended = _ended({one for variant in variants for one in variant.versions}, at=at)
    digests = {variant.digest for variant in variants} | {one for variant in variants for one in variant.blocks}
    stand = review.standing(digests, at=at)
    together = _read_together([one for one in variants if one.needs_review], at=at)
    found = {one.pk: _stands(one, stand, ended, together) for one in variants}
    waiting = _figures_ended([one for one in variants if one.is_bound and found[one.pk] == GO], at=at)
    return found | dict.fromkeys(waiting, HELD)


def _figures_ended(variants: Sequence[Variant], *, at: datetime) -> set[int]:
    """Those of the variants that show a figure which does not stand: they wait until it is renewed and approved."""
    if not variants:
        return set()
    shown = BlockVersion.objects.filter(pk__in={one for variant in variants for one in variant.versions})
    stale = set(figures.ended(shown, at=at))
    return {one.pk for one in variants if not stale.isdisjoint(one.versions)}


def _read_together(variants: Sequence[Variant], *, at: datetime) -> set[int]:
    """Those of the variants whose every pair was approved side by side; a variant without pairs is read by itself."""
    read = pairs.read({pair for one in variants for pair in one.pairs}, at=at)
    return {one.pk for one in variants if one.pairs and all(pair in read for pair in one.pairs)}


def _by_pairs(
    made: layout.Composed, digests: Sequence[str], topics: list[str], purpose: str, at: datetime
) -> list[str]:
    """The pairs that must have been approved side by side for this sensitive text to need no reading of its own.

    None, so that it is read one by one: a sensitive topic together with a client's own figure, and a topic that none
    of the blocks has by itself (spec 3.4).
    """
    known, plain = pairs.topics(digests), pairs.plain(digests, at=at)
    if not set(topics) <= {topic for found in known.values() for topic in found} or _personal_figure(made):
        return []
    return pairs.of(digests, purpose=purpose, but=plain)


def _personal_figure(made: layout.Composed) -> bool:
    """Whether the words say what we know of this client, beyond their name."""
    opens = wording.parse(f"{made.subject}{made.preheader}{made.text}", system=True).opens
    return any(one.field.source.startswith("attribute.") for one in opens)


def _stands(variant: Variant, stand: dict[str, str], ended: set[int], together: set[int]) -> str:
    own, parts = stand.get(variant.digest), [stand.get(one) for one in variant.blocks]
    final = ("rejected", "withdrawn")
    if own in final or any(one in final for one in parts) or not ended.isdisjoint(variant.versions):
        return REJECTED
    is_plain = not variant.needs_review or variant.pk in together
    if own == "approved" or (is_plain and all(one == "approved" for one in parts)):
        return GO
    return HELD


def text_digest(made: layout.Composed, block_digests: Sequence[str]) -> str:
    """sha256 hex of the canonical JSON of everything an approval of this text covers."""
    facts = {
        "subject": made.subject,
        "preheader": made.preheader,
        "html": made.html,
        "text": made.text,
        "links": list(made.links),
        "layout": made.layout,
        "blocks": list(block_digests),
    }
    return hashlib.sha256(drafts.canonical(facts)).hexdigest()


def preview(variant: Variant | layout.Composed) -> str:
    """The message as HTML with typical values and dead links, to be looked at in a sandbox."""
    return wording.parse(variant.html, system=True).sample(escape=wording.as_html).text


def _ended(version_ids: set[int], *, at: datetime) -> set[int]:
    ended = BlockVersion.objects.filter(pk__in=version_ids, valid_until__lte=at)
    return set(ended.values_list("pk", flat=True))


def _resubmit(
    variant: Variant, versions: Sequence[BlockVersion], rulebook: lint.Book, *, by: Staff, at: datetime, reach: int
) -> Variant:
    """Ask again where an approval ended since, and tell the editors how many messages wait."""
    stand = review.standing([variant.digest, *variant.blocks], at=at)
    together = _read_together([variant], at=at) if variant.pairs else set()
    if _stands(variant, stand, set(), together) == HELD and (reach or stand.get(variant.digest) in (None, "expired")):
        found = judge(variant, variant.campaign.purpose, rulebook=rulebook)
        _submit(variant, versions, found, by=by, at=at, reach=reach)
    return variant


def judge(made: layout.Composed | Variant, purpose: str, *, rulebook: lint.Book) -> routing.Routing:
    """What the rules of the book say about the whole message; findings count characters of the part they name."""
    read, market = whole(made), settings.FIRM["jurisdiction"]
    found = routing.route(read.sample.text, style="full_email", market=market, purpose=purpose, book=rulebook)
    for one in found.findings:
        one["part"], one["start"], one["end"] = read.place(one["start"], one["end"])
    return found


@dataclass(frozen=True, slots=True)
class Whole:
    """A message as one text with typical values; preheader, text: where these parts begin in its source."""

    sample: wording.Sample
    preheader: int
    text: int
    has_preheader: bool

    def place(self, start: int, end: int) -> tuple[str, int, int]:
        """The part that characters [start, end) of the sample stand in, and where in it."""
        start, end = self.sample.back(start, end)
        part, offset = "subject", 0
        if start >= self.text:
            part, offset = "text", self.text
        elif start >= self.preheader and self.has_preheader:
            part, offset = "preheader", self.preheader
        return part, max(0, start - offset), max(0, end - offset)


def whole(made: layout.Composed | Variant) -> Whole:
    """The whole message as the copy rules read it."""
    source = f"{made.subject}\n{made.preheader}\n\n{made.text}"
    preheader = len(made.subject) + 1
    sample = wording.parse(source, system=True).sample()
    return Whole(sample, preheader, preheader + len(made.preheader) + 2, bool(made.preheader))


def _submit(
    variant: Variant,
    versions: Sequence[BlockVersion],
    found: routing.Routing,
    *,
    by: Staff,
    at: datetime,
    reach: int,
) -> None:
    campaign = variant.campaign
    why = "A block in it still waits for an editor."
    if variant.needs_review:
        why = blocks.reason(found, declared=variant.topics)
    review.submit(
        digest=variant.digest,
        kind=ReviewKind.VARIANT,
        title=f"{campaign.name}: {wording.parse(variant.subject).sample().text or versions[0].block.name}",
        snapshot={
            "title": campaign.name,
            "about": f"/console/campaigns/{campaign.slug}/",
            "campaign": campaign.slug,
            "blocks": [_block_facts(one) for one in versions],
            "links": variant.links,
            "style": "full_email",
            "parts": {
                "subject": variant.subject,
                "preheader": variant.preheader,
                "text": variant.text,
                "html": preview(variant),
            },
        },
        topics=variant.topics,
        findings=found.findings,
        authors=sorted({one.author_id for one in versions} | {campaign.owner_id}),
        reason=why,
        approvals_needed=max(1, found.approvals),
        products=blocks.products(topic for one in versions for topic in one.topics),
        by=by,
        at=at,
        reach=reach,
    )


def _block_facts(version: BlockVersion) -> dict[str, Any]:
    block = version.block
    return {
        "slot": block.slot,
        "slug": block.slug,
        "name": block.name,
        "number": version.number,
        "framing": version.framing,
        "digest": version.digest,
        "claims": version.claims,
        "for": audience.words(version),
    }
