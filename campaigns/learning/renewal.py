"""A campaign's policy of the day: learnt from what came back, registered, and in charge only as people allowed.

The first one waits for its steps, like every model. Once people let it live, each later day of the same policy takes
its place by itself as long as it passes every gate; it keeps their approval and its end. When one fails, rules choose.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import numpy as np
from django.db import transaction

from campaigns.bulk import learned as bulk
from campaigns.fairness import forecast
from campaigns.learning import card, gates, habits, harvest, rewards, scope, state
from campaigns.learning.gates import Gate
from campaigns.learning.harvest import DAY, DAYS, LATE_DAYS, Harvest
from campaigns.learning.state import State
from campaigns.models import Belief as Kept
from campaigns.models import Campaign, CampaignState
from compliance import faults
from personalize import features, succession, training
from personalize.decide import snapshottext
from personalize.learn import renewal
from personalize.learn.fairness import Verdict
from personalize.models import Artefact
from personalize.training import Fitted, Readiness

log = logging.getLogger(__name__)
BY = "system:learn"


@dataclass(frozen=True, slots=True)
class Learned:
    """What a day came to: "waits", "registered", "live" or "demoted", in words, and the policy that was registered."""

    outcome: str
    why: str
    artefact: Artefact | None = None


def every(*, at: datetime) -> dict[str, Learned]:
    """`learn` for every campaign that was ever launched and is not a draft again, by slug; none without a reward."""
    try:
        rewards.in_force(at=at)
    except rewards.NoReward:
        return {}
    ever = Campaign.objects.exclude(state=CampaignState.DRAFT).filter(runs__isnull=False).distinct().order_by("pk")
    lessons = ((f"campaign:{one.pk}", partial(_learn_from, one, at=at)) for one in ever)
    return dict(faults.each("policy.learn", lessons, at=at).values())


def _learn_from(campaign: Campaign, *, at: datetime) -> tuple[str, Learned]:
    found = learn(campaign, at=at)
    log.info("policy.learnt", extra={"campaign": campaign.pk, "outcome": found.outcome})
    return campaign.slug, found


@transaction.atomic
def learn(campaign: Campaign, *, at: datetime) -> Learned:
    """Learn from what matured since the last time and register the policy that comes of it.

    Safe to repeat: the second time nothing is new. Raises NoReward when no reward stands approved.
    """
    reward, ready = rewards.in_force(at=at), scope.readiness([campaign], at=at)[0]
    if ready.phase == "rules":
        return Learned("waits", f"Rules choose until {ready.need_rows:,} more messages and {ready.need_positives:,} "
                       "more opens have matured.")  # fmt: skip
    if not bulk.alone(campaign.pk):
        return Learned("waits", "Another worker learns for this campaign now.")
    now = state.load(campaign, reward)
    found, ends = _gather(campaign, now, at=at)
    opens = found["open"].some(np.isfinite(found["open"].opened))
    if not len(opens.sent):
        return Learned("waits", "Nothing new has matured.")
    held = now.begin(opens)
    judged = opens.some(held)
    odds = now.odds(judged)
    passed = gates.judge(judged.opened, odds + judged.known, harmed=found["open"].harmed, control=found["open"].control)
    now.learn(judged, found, reward, end=ends["sent"])
    habits.update(
        campaign.pk, levels=len(now.levels), opens=opens, predicted=now.odds(opens), sent=found["sent"], at=at
    )
    made = _register(campaign, now, reward, ready, opens, judged, odds, passed, ends, at=at)
    return _settle(now.before, made, passed, at=at)


def _gather(campaign: Campaign, now: State, *, at: datetime) -> tuple[dict[str, Harvest], dict[str, int]]:
    """What matured for each stage since it was learnt from, and up to when (epoch seconds)."""
    where = harvest.places(campaign.pk, now.slots, now.levels)
    ends = {stage: int(at.timestamp()) - (days + LATE_DAYS) * DAY for stage, days in DAYS.items()}
    ends["sent"] = int(at.timestamp())
    width = len(features.registry())
    found = {
        stage: harvest.gather(
            campaign.pk, where, since=now.until[stage], until=until, width=width, slots=len(now.slots)
        )
        for stage, until in ends.items()
    }
    return found, ends


def _register(
    campaign: Campaign, now: State, reward: rewards.InForce, ready: Readiness, opens: Harvest, judged: Harvest,
    odds: np.ndarray, passed: list[Gate], ends: dict[str, int], *, at: datetime,
) -> Artefact:  # fmt: skip
    """The policy of the day with its card, and what learning goes on from; it waits."""
    assert now.belief is not None
    passed.append(gates.bounded(now.belief.largest()))
    packed = now.belief.pack()
    digest = renewal.sha256(packed)
    snapshot = now.snapshot(
        reward, phase=ready.phase, matured=ready.rows, opens=opens, ends=ends, belief=digest
    )  # fmt: skip
    root = now.before.card["root"] if now.before else digest
    said = card.made(
        campaign, snapshot, now.belief, reward, judged, odds + judged.known, passed, rows=ready.rows,
        positives=ready.positives, window=card.window(opens.sent), root=root, by=BY, at=at,
    )  # fmt: skip
    fitted = Fitted(snapshottext.dump(snapshot), snapshottext.METHOD, said["feature_version"], said)
    made = training.register(scope.name(campaign), fitted, by=BY, at=at)
    Kept.objects.get_or_create(artefact=made, defaults={"campaign": campaign, "body": packed})
    return made


def _settle(before: Artefact | None, made: Artefact, passed: list[Gate], *, at: datetime) -> Learned:
    """Put the new policy in charge if its own yesterday is and every gate was passed; retire both when one failed."""
    live = training.live(made.use_case, at=at)
    if live is None or before is None or live.card.get("root") != made.card["root"]:
        return Learned("registered", "People let it take its steps, or not.", made)
    report = forecast.of_model(made, by=BY, at=at)
    passed = [*passed, Gate("fairness", report.verdict != Verdict.FAIL, f"report {report.pk}: {report.verdict}")]
    failed = [one for one in passed if not one.passed]
    if failed:
        why = "; ".join(f"{one.code}: {one.found}" for one in failed)
        succession.demote(live.pk, why=why, by=BY, at=at)
        return Learned("demoted", why, made)
    succession.take_over(made.pk, after=live.pk, by=BY, at=at)
    return Learned("live", "It took the place of its own yesterday.", made)
