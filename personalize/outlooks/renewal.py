"""A night of one use case: judge what stands, demote what fails, learn anew when it is time. Heavy: fits models.

People let the first model live. Its successors, for the same label and the same features, take its place by themselves,
linear first and the glass-box once there is enough; one that fails leaves the telling to the rule.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from personalize import fitting, succession, training
from personalize.models import Artefact, Stage
from personalize.outlooks import checks, matured
from personalize.outlooks.cases import Case
from personalize.outlooks.matured import Matured
from personalize.registry import steps
from personalize.training import NotReady

BY = "system:outlooks"
EVERY = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a night came to: "waits", "registered", "live" or "demoted", and why in words."""

    outcome: str
    why: str
    artefact: Artefact | None = None


def renew(case: Case, *, at: datetime) -> Renewed:
    """Judge and learn. Safe to repeat: a model is learnt every four weeks at most."""
    found = matured.gather(case, at=at)
    beside = checks.rule(case, found, at=at)
    if failed := _judged(case, found, at=at):
        return failed
    ready = training.readiness(case.code, len(found.y), int(found.y.sum()))
    if ready.phase == "rules":
        return Renewed("waits", f"The rule tells until {ready.need_rows:,} more looks have matured, and of those that "
                       f"came true {ready.need_positives:,}.")  # fmt: skip
    newest = Artefact.objects.filter(use_case=case.code).order_by("-version").first()
    if newest is not None and newest.trained_at > at - EVERY:
        return Renewed("waits", "The newest model is less than four weeks old.")
    try:
        made = fitting.fit(case.code, found.examples(), by=BY, at=at, root=case.root)
    except NotReady as why:
        return Renewed("waits", str(why))
    return _settled(case, made, beside.auc_rule, at=at)


def _judged(case: Case, found: Matured, *, at: datetime) -> Renewed | None:
    """Judge every model that stands; a live one that fails is demoted, a canary falls back."""
    told = None
    for stage in (Stage.SHADOW, Stage.CANARY, Stage.LIVE):
        model = steps.standing(case.code, stage)
        if model is None:
            continue
        fault = checks.judge(case, model, found, at=at).fault
        if fault and stage == Stage.LIVE:
            succession.demote(model.pk, why=fault, by=BY, at=at)
            told = Renewed("demoted", fault, model)
        elif fault and stage == Stage.CANARY:
            steps.fall_back(model.pk, why=fault, by=BY, at=at)
    return told


def _settled(case: Case, made: Artefact, auc_rule: float | None, *, at: datetime) -> Renewed:
    live = training.live(case.code, at=at)
    if live is None or live.card.get("root") != made.card["root"]:
        return Renewed("registered", "People let it take its steps, or not.", made)
    if made.card["auc"] is None or (auc_rule is not None and made.card["auc"] <= auc_rule):
        return Renewed("registered", "It tells clients apart no better than the rule; the one before stays.", made)
    try:
        succession.take_over(made.pk, after=live.pk, by=BY, at=at)
    except NotReady as why:
        return Renewed("registered", str(why), made)
    return Renewed("live", "It took the place of its own yesterday.", made)
