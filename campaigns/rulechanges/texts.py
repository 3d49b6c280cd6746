"""The words that a rule is tried on: blocks as their authors wrote them, and messages as they were assembled."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from campaigns import blocks, variants
from campaigns.models import BlockVersion, CampaignState, Message, MessageState, Slot, Variant
from compliance.models import ReviewItem, ReviewKind, ReviewState
from compliance.words import lint, normalise

LIVE = (MessageState.PENDING, MessageState.HELD, MessageState.CLAIMED)
DECIDABLE = (ReviewState.WAITING, ReviewState.CLAIMED, ReviewState.APPROVED)
MARKETING = "marketing"


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a rule finds something: characters of the part as it stands in the review."""

    part: str
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Text:
    """One text as a rule sees it: plain, with typical values. place: from its characters back to the part's."""

    digest: str
    style: str
    purpose: str
    folded: normalise.Folded
    place: Callable[[int, int], tuple[str, int, int]]

    def hits(self, book: lint.Book) -> list[Hit]:
        """What the rules of the book find in it."""
        market = settings.FIRM["jurisdiction"]
        found = lint.check(self.folded, book=book, style=self.style, market=market, purpose=self.purpose)
        return [Hit(*self.place(one.start, one.end), one.quote) for one in found]


def of_block(version: BlockVersion, known: frozenset[str]) -> Text:
    """A block's words; version with its block. known: see normalise.fold."""
    sample = blocks.sample(version)

    def place(start: int, end: int) -> tuple[str, int, int]:
        return ("body", *sample.back(start, end))

    style = blocks.STYLES[Slot(version.block.slot)]
    return Text(version.digest, style, MARKETING, normalise.fold(sample.text, known), place)


def of_variant(variant: Variant, known: frozenset[str]) -> Text:
    """An assembled message's words; variant with its campaign."""
    whole = variants.whole(variant)
    folded = normalise.fold(whole.sample.text, known)
    return Text(variant.digest, "full_email", variant.campaign.purpose, folded, whole.place)


def published() -> QuerySet[BlockVersion]:
    """Every wording that was ever put before an editor."""
    return BlockVersion.objects.filter(published_at__isnull=False).select_related("block").order_by("pk")


def may_go(at: datetime) -> QuerySet[Variant]:
    """Assembled messages that could still go out: some wait to, a campaign that runs makes them, or they stand read."""
    reads = ReviewItem.objects.filter(kind=ReviewKind.VARIANT, digest=OuterRef("digest"), state__in=DECIDABLE)
    reads = reads.filter(Q(valid_until=None) | Q(valid_until__gt=at))
    waiting = Message.objects.filter(variant=OuterRef("pk"), state__in=LIVE)
    running = Q(campaign__state=CampaignState.RUNNING)
    return Variant.objects.filter(running | Exists(waiting) | Exists(reads)).select_related("campaign").order_by("pk")


def items(digests: Sequence[str]) -> dict[str, ReviewItem]:
    """The reviews of these words that may still decide or have decided for them, by digest."""
    found = ReviewItem.objects.filter(digest__in=digests, state__in=DECIDABLE, seed=None)
    return {one.digest: one for one in found}


def in_hundreds(rows: QuerySet) -> Iterator[list]:
    """The rows in order, some hundred at a time."""
    batch: list = []
    for one in rows.iterator(chunk_size=500):
        batch.append(one)
        if len(batch) == 500:
            yield batch
            batch = []
    if batch:
        yield batch
