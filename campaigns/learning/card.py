"""The card of a learned policy: what a person must know before letting it decide, by the results it had not seen."""

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from campaigns.learning import rewards
from campaigns.learning.gates import Gate
from campaigns.learning.harvest import DAYS, Harvest
from campaigns.models import Campaign
from compliance import groups as compliance_groups
from personalize import alternatives, cards, features
from personalize.decide import score
from personalize.decide.snapshot import Snapshot
from personalize.learn import calibration
from personalize.learn.renewal import Belief
from personalize.learn.rows import Rows
from personalize.models import Feature
from personalize.registry import uses

SEED = 20_260_101
WORDS = (
    "Four linear heads over features, blocks and both together: an open, what it leads to, an opt-out or complaint, "
    "and how good the outcome was. Weights are shrunk by what all blocks have in common; one damped Newton step a day."
)


def made(
    campaign: Campaign, snapshot: Snapshot, belief: Belief, reward: rewards.InForce, judged: Harvest, odds: np.ndarray,
    found: list[Gate], *, rows: int, positives: int, window: list[str], root: str, by: str, at: datetime,
) -> dict[str, Any]:  # fmt: skip
    """The whole card.

    judged, odds  results with known opens that came after what the belief had learnt, and what it said of them
    """
    p = score.probability(odds)
    read, said = features.registry(), uses.said(campaign.use_case)
    known = {one.code: one for one in read}
    mine = [known[one.column.code] for one in snapshot.inputs]
    scores = calibration.scores(judged.opened, p)
    shown = Rows(x=judged.x, y=judged.opened, columns=tuple(one.column for one in snapshot.inputs),
                 positions=tuple(one.position for one in snapshot.inputs))  # fmt: skip
    groups = cards.groups(shown, p)
    purposes = sorted({str(one.purpose) for one in mine})
    return {
        **said,
        "legal": {**said.get("legal", {}), "purposes": purposes},
        "use_case": campaign.use_case, "campaign": campaign.slug, "campaign_id": campaign.pk, "root": root,
        "phase": snapshot.phase, "gates": [asdict(one) for one in found],
        "reward": {"version": reward.version, "digest": reward.digest, "says": rewards.said(_weights(reward))},
        "rows": rows, "positives": positives, "base_rate": scores.base, "method": "bandit", "method_words": WORDS,
        "auc": scores.auc, "auc_interval": calibration.auc_interval(judged.opened, p), "log_loss": scores.log_loss,
        "brier": scores.brier, "ece": scores.ece, "lift": scores.lift, "forward_auc": scores.auc,
        "forward_ece": scores.ece, "forward_log_loss": scores.log_loss, "walk": None,
        "reliability": [asdict(one) for one in calibration.reliability(judged.opened, p)],
        "groups": groups, "by_group": groups or [{"group": "all", "n": scores.n, "rate": scores.base}],
        "features": [one.code for one in mine], "purposes": purposes,
        "importance": _importance(snapshot), "candidates": len(snapshot.levels), "window": window,
        "forbidden_checked": sorted(one.code for one in read if one.sensitivity == Feature.Sensitivity.FORBIDDEN),
        "feature_version": features.version(),
        "permitted_uses": list(uses.PERMITTED), "forbidden_uses": list(uses.FORBIDDEN),
        "identity": {"code": cards.code_sha256(), "data": snapshot.belief, "seed": "none is drawn in learning",
                     "features": features.version()},
        "data": {
            "sources": ["messages of this campaign and what came back", "declared and seen client features"],
            "window": window or ["nobody said when"],
            "exclusions": ["holdout", "messages that did not arrive", "opens that nobody may measure or only machines "
                           "made", f"results younger than {DAYS['open']}, {DAYS['gain']} and {DAYS['quality']} days"],
            "consent_filter": "each feature is blank where the client withheld its purpose when it was decided",
            "sensitive": [one.code for one in mine if one.sensitivity == Feature.Sensitivity.SENSITIVE]
            or ["none read"],
            "proxies": {one.code: one.proxy_of for one in mine if one.proxy_risk != Feature.ProxyRisk.LOW},
            "lineage": f"feature set {features.version()}; every value is on its decision; belief {snapshot.belief}",
        },
        "soundness": "Every head is linear, so a choice is taken apart exactly; what few results say stays near zero.",
        "alternatives": _alternatives(judged, p), "recalibrated": False, "adapted": False,
        "out_of_time": {"auc": scores.auc, "ece": scores.ece, "why": "every figure here is of later results"},
        "limitations": _limits(scores, belief),
        "fairness": {**cards.fairness(groups), "search": _search(snapshot, belief, judged, at=at)},
        "explainability": {"method": "exact parts", "gap": _gap(snapshot, belief, judged), "rows": scores.n},
        "robustness": _robustness(snapshot, belief, judged),
        "oversight": "An officer lets it decide, retires it, and stops any run; rules choose at once when it is gone.",
        "monitoring": {
            "slope_within": list(calibration.SLOPE_WITHIN),
            "on": ["opens against what it said", "calibration", "harm beside the control", "weights", "fairness"],
            "how_often": "every day, before the day's results are learnt",
            "then": "it is retired by itself, and rules decide until a person lets one live again",
        },
        "changes": [f"{at.date().isoformat()}: learnt by {by} from {scores.n:,} new opens"],
        "retirement": "Retired by its own next day, an officer, a gate or its expiry; kept for replay ever after.",
        "incidents": {"reported": 0},
    }  # fmt: skip


def window(sent: np.ndarray) -> list[str]:
    """First and last day of these epoch seconds."""
    return [datetime.fromtimestamp(int(one), UTC).date().isoformat() for one in (sent.min(), sent.max())]


def _weights(reward: rewards.InForce) -> dict[str, Any]:
    return {
        "open": reward.reward.open, "click": reward.click, "success": reward.success, "quality": reward.reward.quality,
        "harm": reward.reward.harm, "explores_sensitive": reward.explores_sensitive,
    }  # fmt: skip


def _search(snapshot: Snapshot, belief: Belief, judged: Harvest, *, at: datetime) -> dict[str, Any]:
    """What ranking opens and treating groups alike come to without each of the features that move it most.

    A policy learns on from itself, so another one is for people to start; what was tried stands on the card.
    """
    clients, x = alternatives.people(seed=SEED, at=at)
    if not compliance_groups.tally(clients, np.zeros(len(clients))):
        return {"searched": False, "why": "No client's group is on file, so no two policies can be told apart by it."}
    place = {one.column.code: one.position for one in snapshot.inputs}
    codes = [one["name"] for one in _importance(snapshot)][: alternatives.MOST_FEATURES]
    found = []
    for way in (alternatives.USUAL, *(alternatives.Way(f"without {code}", (code,)) for code in codes)):
        seen, theirs = judged.x.copy(), x.copy()
        for code in way.without:
            seen[:, place[code]] = theirs[:, place[code]] = np.nan
        odds = belief.odds("open", snapshot.inputs, snapshot.scale, replace(judged, x=seen).results(judged.opened))
        auc = calibration.auc(judged.opened, odds)
        found.append(alternatives.weighed(way, 0.5 if auc is None else auc, clients, snapshot.probability(theirs)))
    tried = tuple(alternatives.on_frontier(found))
    why = "What each way would come to; the policy goes on from its own yesterday, and people decide whether it may."
    return alternatives.Search(tried, alternatives.USUAL, why, None, SEED).facts()


def _importance(snapshot: Snapshot) -> list[dict[str, Any]]:
    """How much each feature moves the log-odds of an open, at one standard deviation, over all blocks."""
    found, column, head = [], 1, snapshot.heads.open
    for one in snapshot.inputs:
        part = slice(column, column + one.width)
        weight = float(np.abs(head.base[part]).sum() + np.abs(head.own[part]).mean(axis=1).sum())
        found.append((weight, one.column.code))
        column += one.width
    return [{"name": name, "weight": weight} for weight, name in sorted(found, reverse=True)[:40]]


def _alternatives(judged: Harvest, p: np.ndarray) -> list[dict[str, Any]]:
    flat = np.full(len(p), float(np.clip(judged.opened.mean(), 1e-6, 1 - 1e-6)))
    return [
        {"name": name, "auc": calibration.auc(judged.opened, one) or 0.5,
         "log_loss": calibration.log_loss(judged.opened, one)}
        for name, one in (("this policy, on opens", p), ("the same chance for everybody", flat))
    ]  # fmt: skip


def _limits(scores: calibration.Scores, belief: Belief) -> list[str]:
    said = ["It knows what went together, not what caused what; where it never explored it is a guess."]
    if not belief.heads["quality"].seen:
        said.append("No outcome's quality is known yet: what is opened for its own sake is held to serve less well.")
    if scores.auc is None or scores.auc < cards.CLEAR_AUC:
        said.append("It cannot tell clients apart yet.")
    return said


def _robustness(snapshot: Snapshot, belief: Belief, judged: Harvest) -> list[dict[str, Any]]:
    """What the ranking of opens is worth when a feature is suddenly not known: the five that hurt most."""
    whole: float | None = None
    found: list[dict[str, Any]] = []
    for one in (None, *snapshot.inputs):
        x = judged.x.copy()
        if one is not None:
            x[:, one.position] = np.nan
        rows = replace(judged, x=x).results(judged.opened)
        odds = belief.odds("open", snapshot.inputs, snapshot.scale, rows)
        auc = calibration.auc(judged.opened, score.probability(odds))
        if one is None:
            whole = auc
        elif auc is not None and whole is not None:
            found.append({"feature": one.column.code, "auc": auc, "lost": whole - auc})
    return sorted(found, key=lambda each: -float(each["lost"]))[:5] or [{"feature": "none", "auc": whole, "lost": 0.0}]


def _gap(snapshot: Snapshot, belief: Belief, judged: Harvest) -> float:
    """Largest difference of the log-odds of an open and the sum of what each column, and repetition, has in it."""
    head = snapshot.heads.open
    parts = snapshot.columns(judged.x, judged.context) * (head.base + head.own.T[judged.level].sum(axis=1))
    repeat = (judged.repeat * head.repeat[None]).sum(axis=(1, 2))
    odds = belief.odds("open", snapshot.inputs, snapshot.scale, judged.results(judged.opened))
    return float(np.abs(parts.sum(axis=1) + repeat - odds).max())
