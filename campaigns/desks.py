"""What a person may see and change: a marketer their desks' campaigns, whoever reviews or oversees all of them.

Blocks are read by everybody, so that approved words are used again; a block is changed by its own desk. The database
grants a new campaign or block to the desks of its owner, however it was made.
"""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from guardian.shortcuts import get_objects_for_user

from campaigns.models import Block, Campaign
from compliance.models import Staff

WORK_ON_CAMPAIGN, WORK_ON_BLOCK = "campaigns.work_on_campaign", "campaigns.work_on_block"
Rows = TypeVar("Rows", bound=Model)


def sees_all(person: Staff | Any) -> bool:
    """Whether a person works for the whole firm."""
    return person.has_perm("compliance.oversee") or person.has_perm("compliance.review_texts")


def campaigns(person: Staff | Any) -> QuerySet[Campaign]:
    """The campaigns that exist for this person."""
    if sees_all(person):
        return Campaign.objects.all()
    if not person.is_authenticated:
        return Campaign.objects.none()
    return get_objects_for_user(person, WORK_ON_CAMPAIGN, Campaign, accept_global_perms=False)


def within(person: Staff | Any, rows: QuerySet[Rows], path: str = "campaign") -> QuerySet[Rows]:
    """Those of the rows that belong, by `path`, to a campaign that exists for this person."""
    return rows if sees_all(person) else rows.filter(**{f"{path}__in": campaigns(person)})


def may_change(person: Staff | Any, block: Block) -> bool:
    """Whether the block is one of this person's desks."""
    return sees_all(person) or person.has_perm(WORK_ON_BLOCK, block)
