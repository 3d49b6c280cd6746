"""What a person may see and change: a marketer their desks' campaigns, whoever reviews or oversees all of them.

That a client was chosen by what they own, earn or are tells it of them: such choices are for whoever sees all.

Blocks are read by everybody, so that approved words are used again; a block is changed by its own desk. The database
grants a new campaign or block to the desks of its owner, however it was made.
"""

from collections.abc import Iterable
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from guardian.shortcuts import get_objects_for_user

from campaigns.bulk import rules
from campaigns.bulk import runs as bulk
from campaigns.choosing import telling
from campaigns.learning import scope
from campaigns.limits import said
from campaigns.models import Block, Campaign, CampaignBlock, Message, Run
from compliance.models import Staff
from personalize import discretion
from personalize.models import Artefact, Stage

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


def messages(person: Staff | Any, rows: QuerySet[Message]) -> QuerySet[Message]:
    """Those of the messages that this person may know of: none of a run whose choice of clients is kept from them."""
    found = within(person, rows)
    return found if sees_all(person) else found.exclude(run__in=_telling(within(person, Run.objects.all())))


def veiled(person: Staff | Any, shown: Iterable[Message]) -> list[Message]:
    """These messages, silent about what this person may not know of.

    That is the message that another one lost to, and how much a client was pressed, which tells who is to be spared.
    """
    found = list(shown)
    if not discretion.may_read_all(person):
        for one in found:
            one.window = said.veiled(one.window)
    lost = [(UUID(one.window["lost_to"]), one) for one in found if one.window and "lost_to" in one.window]
    if lost and not sees_all(person):
        won = Message.objects.filter(pk__in=[winner for winner, _ in lost])
        known = set(messages(person, won).values_list("pk", flat=True))
        for winner, loser in lost:
            loser.window = loser.window if winner in known else None
    return found


def is_kept(person: Staff | Any, run: Run) -> bool:
    """Whether this person may not know whom the run chose."""
    return not sees_all(person) and bool(_telling(Run.objects.filter(pk=run.pk)))


def may_try(person: Staff | Any, campaign: Campaign) -> bool:
    """Whether this person may try on clients whom the campaign would choose, and for what."""
    if sees_all(person):
        return True
    shown = CampaignBlock.objects.filter(campaign=campaign).values_list("rule", flat=True)
    read = {field for one in (campaign.audience, *shown) for field in rules.fields(one)}
    chooses = Artefact.objects.filter(
        use_case__in=(scope.name(campaign), campaign.use_case), stage__in=(Stage.CANARY, Stage.LIVE)
    ).values_list("sha256", flat=True)
    return not discretion.reads_sensitive(read.union(*map(telling.read_by, chooses)))


def _telling(runs: QuerySet[Run]) -> list[int]:
    """Those of the runs whose rules or models read what is for officers alone."""
    read = {
        run: set(fields).union(*(telling.read_by(one) for one in models if one))
        for run, fields, models in bulk.reads(runs.values_list("pk", flat=True))
    }
    kept = discretion.telling(set().union(*read.values()))
    return [run for run, fields in read.items() if kept & fields]


def may_change(person: Staff | Any, block: Block) -> bool:
    """Whether the block is one of this person's desks."""
    return sees_all(person) or person.has_perm(WORK_ON_BLOCK, block)
