"""Which learned policy is in charge of a campaign."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from campaigns.bulk import learned as bulk
from campaigns.choosing import registered
from campaigns.fairness import gate
from campaigns.learning.harvest import DAYS, LATE_DAYS
from campaigns.models import Campaign
from personalize import training
from personalize.decide import snapshottext
from personalize.decide.snapshot import MOST_COMBINATIONS, Snapshot
from personalize.models import Artefact, Stage
from personalize.registry import steps
from personalize.training import Readiness


def name(campaign: Campaign) -> str:
    """The name under which a campaign's learned policies are registered, beside those of its use case."""
    return f"{campaign.use_case}-{campaign.pk}"


def on_trial(
    campaign: Campaign, slots: dict[str, list[dict[str, Any]]], live: Artefact | None, *, at: datetime
) -> Artefact | None:
    """The canary that answers some of the campaign's clients: of its own policies, or of the use case's models.

    A model of the use case is not tried where the campaign has learnt a policy of its own. None: there is none.
    """
    mine = steps.standing(name(campaign), Stage.CANARY)
    if mine is not None:
        return mine if _fits(mine, slots, at=at) else None
    if live is not None and live.use_case != campaign.use_case:
        return None
    found = steps.standing(campaign.use_case, Stage.CANARY)
    return found if found is not None and found.expires_at is not None and found.expires_at > at else None


def _fits(policy: Artefact, slots: dict[str, list[dict[str, Any]]], *, at: datetime) -> bool:
    """Whether a learned policy that has not ended fills just these slots, in not too many ways."""
    if policy.expires_at is None or policy.expires_at <= at:
        return False
    if int(np.prod([len(one) for one in slots.values()])) > MOST_COMBINATIONS:
        return False
    model = registered.load(policy)
    return isinstance(model, Snapshot) and model.slots == tuple(slots)


def in_charge(campaign: Campaign, slots: dict[str, list[dict[str, Any]]], *, at: datetime) -> Artefact | None:
    """The campaign's live policy, if it fits these slots; None: a model of the use case, or rules, choose."""
    live = training.live(name(campaign), at=at)
    return live if live is not None and _fits(live, slots, at=at) else None


def readiness(campaigns: Sequence[Campaign], *, at: datetime) -> list[Readiness]:
    """How far each campaign's own messages carry: rules, one policy for all, or each client's own habits too."""
    found = bulk.matured([one.pk for one in campaigns], days=DAYS["open"] + LATE_DAYS, at=at)
    return [training.readiness(one.use_case, *found.get(one.pk, (0, 0))) for one in campaigns]


def policy(live: Artefact | None) -> str:
    """How a run chooses, as its rows say it."""
    if live is None:
        return "rules-1"
    return "bandit-1" if live.method == snapshottext.METHOD else "igw-1"


def phase(live: Artefact | None) -> str:
    """Which phase the rows behind the live model carry; "rules" without one."""
    if live is None:
        return "rules"
    if "phase" in live.card:
        return str(live.card["phase"])
    found = training.readiness(live.use_case, live.card.get("rows", 0), live.card.get("positives", 0)).phase
    return "pooled" if found == "rules" else found


def chooses_by(model: Artefact | None) -> dict[str, Any]:
    """The part of a plan that says by what is chosen."""
    return {
        "policy": policy(model),
        "phase": phase(model),
        "gamma": gate.gamma(model) if model else 0.0,
        "artefact": model.pk if model else None,
        "artefact_sha256": model.sha256 if model else "",
    }
