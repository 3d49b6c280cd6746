"""What a campaign may be made of: the block versions that stand approved, by slot."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from campaigns import blocks
from campaigns.models import BlockVersion, Slot


@dataclass(frozen=True, slots=True)
class Shelf:
    """One slot and the versions one may pick for it, by name."""

    slot: str
    label: str
    versions: list[BlockVersion]


@dataclass(frozen=True, slots=True)
class Library:
    """Every shelf in reading order; `approved` holds the versions an editor's yes stands for."""

    shelves: list[Shelf]
    approved: frozenset[int]


def shelves(*, kept: Collection[int] = (), at: datetime) -> Library:
    """The newest approved version of every block, and whichever versions are `kept` because a campaign has them."""
    published = Q(published_at__isnull=False, block__archived_at__isnull=True) & (
        Q(valid_until__isnull=True) | Q(valid_until__gt=at)
    )
    found = list(
        BlockVersion.objects.filter(published | Q(pk__in=kept))
        .select_related("block")
        .order_by("block__name", "block_id", "-number")
    )
    approved = frozenset(blocks.approved([one.pk for one in found], at=at))
    newest: dict[int, int] = {}
    for one in found:
        if one.pk in approved:
            newest.setdefault(one.block_id, one.pk)
    offered = [one for one in found if newest.get(one.block_id) == one.pk or one.pk in kept]
    return Library(
        [Shelf(slot, slot.label, [one for one in offered if one.block.slot == slot]) for slot in list(Slot)], approved
    )
