"""Blocks: draft wordings, publish them for review, and know where they are used. A published wording never changes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.text import slugify

from campaigns import audience, figures, performance, wording
from campaigns.drafts import Draft, columns, digest, problems, tidy
from campaigns.models import Block, BlockVersion, CampaignBlock, CampaignState, Slot
from compliance import ledger, review, routing
from compliance.copyrules import book
from compliance.judging import quorum
from compliance.models import ReviewKind, Staff, Topic
from compliance.words import lint

# What kind of text each slot is for the copy rules (see compliance.routing).
STYLES = {
    Slot.SUBJECT: "subject",
    Slot.PREHEADER: "subject",
    Slot.VISUAL: "subject",
    Slot.VALUE_PROPOSITION: "subject",
    Slot.BODY: "para",
    Slot.DISCLOSURE: "para",
    Slot.CALL_TO_ACTION: "cta",
}


class BadBlock(ValueError):
    """The wording cannot be kept; `errors` names each field and why. Nothing was written."""

    def __init__(self, errors: dict[str, str]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{name}: {why}" for name, why in errors.items()))


class AlreadyPublished(Exception):
    """This version was published before. Nothing was written."""


class InUse(Exception):
    """Campaigns that are being built or run use this block; `campaigns` names them. Nothing was written."""

    def __init__(self, campaigns: Sequence[str]) -> None:
        self.campaigns = tuple(campaigns)
        super().__init__(f"Used by {', '.join(campaigns)}.")


@transaction.atomic
def draft(
    *,
    slug: str,
    name: str,
    by: Staff,
    at: datetime,
    **given: Any,
) -> BlockVersion:
    """Keep a wording as the next version of the block `slug`, making the block if it is new.

    given: the fields of a `Draft`, of which slot and body are needed.
    The newest version is given back unchanged when nothing differs from it.
    Raises BadBlock, naming every field that is wrong.
    """
    words = tidy(Draft(**given))
    errors = problems(words)
    if "body" not in errors and (why := figures.unknown(words.figures, words.body, at=at)):
        errors["figures"] = why
    if not errors and (why := performance.lacking(words.performance, words.markets, at=at)):
        errors["performance"] = why
    if not slug or slugify(slug) != slug or len(slug) > 80:
        errors["slug"] = "Use lower-case letters, digits and hyphens, at most 80 of them."
    if not 0 < len(name.strip()) <= 120:
        errors["name"] = "A name has 1 to 120 characters."
    block = Block.objects.select_for_update().filter(slug=slug).first()
    if block is not None and block.slot != words.slot:
        errors["slot"] = f"The block “{slug}” belongs to the slot “{block.get_slot_display()}”."
    if block is not None and block.archived_at is not None:
        errors["slug"] = f"The block “{slug}” is archived."
    if errors:
        raise BadBlock(errors)
    if block is None:
        block = Block.objects.create(slug=slug, name=name.strip(), slot=words.slot, owner=by)
    elif block.name != name.strip():
        block.name = name.strip()
        block.save(update_fields=["name"])
    return _next_version(block, words, by=by, at=at)


def _next_version(block: Block, words: Draft, *, by: Staff, at: datetime) -> BlockVersion:
    newest = block.versions.order_by("-number").first()
    named = digest(words)
    if newest is not None and newest.digest == named:
        return newest
    version = BlockVersion.objects.create(
        block=block,
        number=newest.number + 1 if newest else 1,
        digest=named,
        author=by,
        made_at=at,
        **columns(words),
    )
    version.refresh_from_db(fields=["urgency", "fear", "lexicon"])  # written by the database
    facts = {"slug": block.slug, "number": version.number, "digest": named}
    ledger.record("block.drafted", by=by, at=at, about=f"block_version:{version.pk}", facts=facts)
    return version


def name_of(slug: str) -> str:
    """The name of a block that exists, or one made from its address."""
    known = Block.objects.filter(slug=slug).values_list("name", flat=True).first()
    return known or slug.replace("-", " ").capitalize()


@transaction.atomic
def publish(version_id: int, *, by: Staff, at: datetime) -> BlockVersion:
    """Freeze a version and send its exact words to the editors; it may be used once one of them approves.

    A rule of severity BLOCK does not refuse publication: the words go to review flagged as blocked, because only a
    compliance officer may override such a rule, and must see the words to do so. Raises AlreadyPublished.
    """
    version = BlockVersion.objects.select_for_update().select_related("block").get(pk=version_id)
    if version.published_at is not None:
        raise AlreadyPublished(version_id)
    version.published_at = at
    version.save(update_fields=["published_at"])
    found = judge(version, rulebook=book.in_force(at))
    topics = sensitive([*version.topics, *found.topics])
    review.submit(
        digest=version.digest,
        kind=ReviewKind.BLOCK,
        title=f"{version.block.name} (version {version.number})",
        snapshot=_snapshot(version),
        topics=topics,
        findings=found.findings,
        authors=[version.author_id, by.pk],
        reason=reason(found, declared=topics),
        approvals_needed=max(1, found.approvals),
        products=products(version.topics),
        by=by,
        at=at,
    )
    facts = {"slug": version.block.slug, "number": version.number, "digest": version.digest}
    ledger.record("block.published", by=by, at=at, about=f"block_version:{version.pk}", facts=facts)
    return version


@transaction.atomic
def withdraw(version_id: int, *, reason: str, by: Staff, at: datetime) -> None:
    """End a published version at once: no message made of it goes out after `at`."""
    version = BlockVersion.objects.select_for_update().get(pk=version_id)
    version.valid_until = at
    version.save(update_fields=["valid_until"])
    facts = {"digest": version.digest, "reason": reason}
    ledger.record("block.withdrawn", by=by, at=at, about=f"block_version:{version.pk}", facts=facts)


@transaction.atomic
def archive(slug: str, *, by: Staff, at: datetime) -> None:
    """Take a block out of the library. Raises InUse while a draft or running campaign has it as a candidate."""
    block = Block.objects.select_for_update().get(slug=slug)
    live = [one.name for one in where_used(block) if one.is_live]
    if live:
        raise InUse(live)
    block.archived_at = at
    block.save(update_fields=["archived_at"])
    ledger.record("block.archived", by=by, at=at, about=f"block:{block.pk}", facts={"slug": slug})


@dataclass(frozen=True, slots=True)
class Use:
    """One campaign that has the block as a candidate, and with which version."""

    slug: str
    name: str
    state: str
    number: int
    is_fallback: bool

    @property
    def is_live(self) -> bool:
        """Whether it can still send."""
        return self.state in (CampaignState.DRAFT, CampaignState.RUNNING)


def where_used(block: Block) -> list[Use]:
    """Every campaign that names a version of this block: what an edit or an end of it would touch."""
    rows = (
        CampaignBlock.objects.filter(version__block=block)
        .order_by("campaign__name", "version__number")
        .values_list("campaign__slug", "campaign__name", "campaign__state", "version__number", "is_fallback")
    )
    return [Use(*row) for row in rows]


def approved(version_ids: Iterable[int], *, at: datetime) -> set[int]:
    """Those of the versions that may go out at `at`: published, approved, not ended, their block not archived."""
    rows = list(
        BlockVersion.objects.filter(pk__in=list(version_ids), published_at__isnull=False, block__archived_at=None)
        .values_list("pk", "digest", "valid_until")
    )  # fmt: skip
    stand = review.standing([digest for _, digest, _ in rows], at=at)
    return {pk for pk, named, until in rows if stand.get(named) == "approved" and (until is None or until > at)}


def judge(words: "Draft | BlockVersion", *, rulebook: lint.Book, slot: str = "") -> routing.Routing:
    """What the rules of the book say about these words, at their place, with typical values in the open fields.

    The positions of the findings count characters of the body as the author wrote it.
    """
    typical = sample(words)
    slot = slot or (words.slot if isinstance(words, Draft) else words.block.slot)
    found = routing.route(typical.text, style=STYLES[Slot(slot)], market=settings.FIRM["jurisdiction"], book=rulebook)
    for one in found.findings:
        one["start"], one["end"] = typical.back(one["start"], one["end"])
        one["part"] = "body"
    return performance.judged(found, words)


def sample(words: "Draft | BlockVersion") -> wording.Sample:
    """The words with typical values in the open fields, as the copy rules read them."""
    return wording.parse(words.body).sample()


def sensitive(topics: Iterable[str]) -> list[str]:
    """The codes among `topics` that are sensitive topics of the firm, sorted; other codes are only for finding."""
    return sorted(Topic.objects.filter(code__in=set(topics)).values_list("code", flat=True))


def products(topics: Iterable[str]) -> list[str]:
    """The codes among a block's topics that name a regulated product: who approves it is competent for that product."""
    return sorted(quorum.PRODUCTS & set(topics))


def _snapshot(version: BlockVersion) -> dict[str, Any]:
    parts = {"body": version.body, "address": version.url, "picture": version.image}
    return {
        "title": version.block.name,
        "slot": version.block.slot,
        "framing": version.framing,
        "claims": version.claims,
        "for": audience.words(version),
        "figures": version.figures,
        "performance": version.performance,
        "provenance": version.provenance,
        "pressure": {"urgency": version.urgency, "fear": version.fear, "lexicon": version.lexicon},
        "about": f"/console/blocks/{version.block.slug}/",
        "campaign": "",
        "volatile": "volatile_rate" in version.topics,
        "style": STYLES[Slot(version.block.slot)],
        "parts": {name: text for name, text in parts.items() if text},
    }


def reason(found: routing.Routing, *, declared: Sequence[str] = ()) -> str:
    """Why a person must look, as a sentence."""
    if found.blocked:
        rules = ", ".join(sorted({one["rule"] for one in found.findings if one.get("severity") == "BLOCK"}))
        return f"Blocked by rule {rules}: only a compliance officer may override it, in writing."
    if found.must_review or declared:
        touched = sorted({*found.topics, *declared, *found.lint})
        if not touched:
            return "Close to texts that a person has to see, though no rule matched."
        return f"Touches {', '.join(touched).replace('_', ' ')}."
    return "Every block is approved once before it may be used."
