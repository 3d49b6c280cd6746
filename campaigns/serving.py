"""Real-time content: what one client sees in one place on a page, now."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import numpy as np
from django.db import transaction

from campaigns import assembly, choosing, explanations, reasons, variants, wording
from campaigns.bulk import live as bulk
from campaigns.choosing import openings, telling
from campaigns.combinations import rules
from campaigns.models import Arm, BlockVersion, Campaign, CampaignState, Message, MessageState, Run, Slot, Variant
from compliance import consent, promotions
from compliance.models import Channel, Client
from personalize import profiles

# Who may have a page filled; whatever chose the words, only READERS are given them.
READERS = ("oversee", "serve_pages")
ASKERS = ("build_campaigns", *READERS)
KEPT = "kept_for_officers"


class NoCampaign(Exception):
    """No running campaign fills this placement, or the campaign is not running. Nothing was written."""


class NoClient(Exception):
    """There is no such client, or they were erased while this was decided. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Served:
    """One decision for one client.

    content   text by slot, None when nothing may be shown; withheld then says which rule and why
    blocks    [{"slot", "block", "version", "provenance"}] in reading order
    """

    decision: UUID
    campaign: str
    content: dict[str, Any] | None
    blocks: list[dict[str, Any]]
    propensity: float
    policy: str
    phase: str
    fallback: bool
    reasons: list[str]
    withheld: list[dict[str, str]] | None


def running(*, placement: str = "", slug: str = "") -> Campaign:
    """The campaign that fills a placement, the newest first, or the one named; NoCampaign when there is none."""
    running = Campaign.objects.filter(state=CampaignState.RUNNING)
    campaign = running.filter(slug=slug).first() if slug else filling(placement)
    if campaign is None:
        raise NoCampaign(slug or placement)
    return campaign


def filling(placement: str) -> Campaign | None:
    """The running campaign that fills a placement, the newest first; None where none does."""
    found = Campaign.objects.filter(state=CampaignState.RUNNING, placement=placement, channel=Channel.WEB)
    return found.order_by("-made_at", "-pk").first()


@transaction.atomic
def fill(client: Client, campaign: Campaign, *, channel: str, at: datetime, is_veiled: bool = False) -> Served:
    """Decide and assemble for one client and write the decision down, all in one transaction.

    The draw depends on the run and the client alone, so a client keeps what they were shown until the campaign is
    launched anew. is_veiled: for a caller who is told nothing that may follow from what is for officers alone; where
    it may, nothing is decided, and the answer is the same for every client.
    Raises NoCampaign when the campaign was never launched, and NoClient.
    """
    run = campaign.runs.order_by("-number").first()
    if run is None:
        raise NoCampaign(campaign.slug)
    if not bulk.held(client.pk):
        raise NoClient(client.pk)
    if is_veiled and telling.tells(run.plan):
        return _keep_back(client, run, channel=channel, at=at)
    answer = consent.may_send(client.pk, purpose=campaign.purpose, channel=channel, at=at)
    if not answer.ok:
        because = consent.SENTENCES[answer.reason]
        return _withhold(client, run, channel=channel, rule=answer.reason, because=because, at=at)
    ids = np.array([client.pk], np.int64)
    if not promotions.cooled(ids, openings.topics(run.plan), at=at)[0]:
        because = reasons.because("cooling_off")
        return _withhold(client, run, channel=channel, rule="cooling_off", because=because, at=at)
    profiles.fresh([client.pk], at=at)
    plan, _ = choosing.split(run.plan, ids, at=at)[0]
    decided = choosing.decide(plan, ids, seed=run.seed, at=at)
    if decided.arm[0] == choosing.HOLDOUT:
        return _withhold(client, run, channel=channel, rule="holdout", because="Comparison group.", at=at)
    if (decided.choice[0] < 0).any():
        because = "Nothing we have suits this client now."
        return _withhold(client, run, channel=channel, rule="nothing_suitable", because=because, at=at)
    if rules.broken(plan, decided.choice[0]):
        because = "A rule keeps the words for this place apart."
        return _withhold(client, run, channel=channel, rule="combination_refused", because=because, at=at)
    variant, is_fallback = _approved(campaign, plan, decided.choice[0], at=at)
    if variant is None:
        because = "The words for this place still wait for an editor."
        return _withhold(client, run, channel=channel, rule="held", because=because, at=at)
    if shut := bulk.shut(run.pk, variant.pk):
        return _withhold(client, run, channel=channel, rule=shut, because=reasons.because(shut), at=at)
    merge = assembly.merge_values(np.array([client.pk], np.int64), at=at)[0]
    try:
        content, blocks = _content(variant, merge)
    except wording.MissingValue:
        because = "The words need something that we do not know of this client."
        return _withhold(client, run, channel=channel, rule="missing_value", because=because, at=at)
    except wording.TooLong:
        because = "Something that we know of this client is too long for its place."
        return _withhold(client, run, channel=channel, rule="value_too_long", because=because, at=at)
    message = Message(
        id=uuid4(),
        run=run,
        campaign=campaign,
        client=client,
        channel=channel,
        arm=(Arm.PERSONALISED, Arm.CONTROL)[decided.arm[0]],
        state=MessageState.SHOWN,
        variant=variant,
        **decided.kept(0),
        consent=answer.event,
        merge=merge,
        decided_at=at,
        due_at=at,
    )
    message.save(force_insert=True)
    return Served(
        message.pk,
        campaign.slug,
        content,
        blocks,
        message.propensity,
        decided.policy,
        plan["phase"] if decided.artefact else "rules",
        is_fallback,
        explanations.for_client(message),
        None,
    )


def _approved(
    campaign: Campaign, plan: dict[str, Any], choice: np.ndarray, *, at: datetime
) -> tuple[Variant | None, bool]:
    """The variant of this choice if an editor let it go, else that of the fallbacks, else None."""
    chosen = [slot["candidates"][index]["version"] for slot, index in zip(plan["slots"], choice, strict=True)]
    fallback = [
        next(one["version"] for one in slot["candidates"] if one["is_fallback"])
        for slot in plan["slots"]
        if any(one["is_fallback"] for one in slot["candidates"])
    ]
    for ids, is_fallback in ((chosen, False), (fallback, True)):
        by_id = BlockVersion.objects.select_related("block").in_bulk(ids)
        variant = variants.ensure(campaign, [by_id[one] for one in ids], by=campaign.owner, at=at)
        if variants.standing([variant], at=at)[variant.pk] == "go":
            return variant, is_fallback
    return None, True


def _content(variant: Variant, merge: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    found = BlockVersion.objects.select_related("block").in_bulk(variant.versions)
    versions = [found[one] for one in variant.versions]
    content: dict[str, Any] = {}
    for version in versions:
        words = assembly.words(version, merge)
        content[version.block.slot] = words
        if version.block.slot == Slot.CALL_TO_ACTION:
            content["url"] = version.url
    return content, [named(one) for one in versions]


def named(version: BlockVersion) -> dict[str, Any]:
    """One block as the answer names it."""
    block = version.block
    return {"slot": block.slot, "block": block.slug, "version": version.number, "provenance": version.provenance}


def _keep_back(client: Client, run: Run, *, channel: str, at: datetime) -> Served:
    """Nothing for this caller. Only a page's is kept: a mail that the client has already would refuse, and so tell."""
    because = reasons.because(KEPT)
    if channel == Channel.WEB:
        return _withhold(client, run, channel=channel, rule=KEPT, because=because, at=at)
    withheld = [{"rule": KEPT, "because": because}]
    return Served(uuid4(), run.campaign.slug, None, [], 1.0, run.policy, run.phase, False, [], withheld)


def _withhold(client: Client, run: Run, *, channel: str, rule: str, because: str, at: datetime) -> Served:
    message = Message.objects.create(
        id=uuid4(),
        run=run,
        campaign=run.campaign,
        client=client,
        channel=channel,
        arm=Arm.HOLDOUT if rule == "holdout" else Arm.PERSONALISED,
        state=MessageState.SUPPRESSED,
        reason=rule,
        policy=run.policy,
        decided_at=at,
        due_at=at,
    )
    withheld = [{"rule": rule, "because": because}]
    return Served(message.pk, run.campaign.slug, None, [], 1.0, run.policy, run.phase, False, [], withheld)
