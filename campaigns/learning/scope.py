"""Which learned policy is in charge of a campaign."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from campaigns.bulk import learned as bulk
from campaigns.choosing import registered
from campaigns.learning.harvest import DAYS, LATE_DAYS
from campaigns.models import Campaign
from personalize import training
from personalize.decide import snapshottext
from personalize.decide.snapshot import MOST_COMBINATIONS, Snapshot
from personalize.models import Artefact
from personalize.training import Readiness


def name(campaign: Campaign) -> str:
    """The name under which a campaign's learned policies are registered, beside those of its use case."""
    return f"{campaign.use_case}-{campaign.pk}"


def in_charge(campaign: Campaign, slots: dict[str, list[dict[str, Any]]], *, at: datetime) -> Artefact | None:
    """The campaign's live policy, if it fits these slots; None: a model of the use case, or rules, choose."""
    live = training.live(name(campaign), at=at)
    if live is None or int(np.prod([len(one) for one in slots.values()])) > MOST_COMBINATIONS:
        return None
    model = registered.load(live)
    return live if isinstance(model, Snapshot) and model.slots == tuple(slots) else None


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
