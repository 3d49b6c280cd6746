"""Answers to "what would this policy have done?". Heavy: fits outcome models; only workers and commands import it."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.db import transaction

from campaigns import examples
from campaigns.examples import ALWAYS, Logged
from campaigns.lab import targets, weighing
from campaigns.lab.weighing import CannotTell, Guesses, Policy
from campaigns.models import Question
from compliance import ledger
from personalize import fitting
from personalize.learn import effects, offpolicy
from personalize.learn.offpolicy import Report
from personalize.training import NotReady

BY = "system:lab"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the log says of a policy.

    rows, drawn  matured decisions, and how many of them were drawn by chance
    happened     the success rate of those, with its 95 % interval · refusal  why there is no answer, or ""
    """

    rows: int
    drawn: int
    happened: tuple[float, float, float]
    report: Report
    refusal: str


def answer(
    use_case: str,
    wanted: str,
    *,
    campaign: str = "",
    since: datetime = ALWAYS,
    until: datetime | None = None,
    at: datetime,
) -> Answer:
    """Estimates for the policy called `wanted` (see `targets`) on decisions from `since` until before `until`.

    Raises CannotTell when nothing can be computed at all; a log that overlaps too little gives a refusal.
    """
    log = examples.logged(use_case, at=at, campaign=campaign, since=since, until=until)
    y = log.examples.y[log.drawn]
    if len(y) < 2:
        raise CannotTell("No decision of that time is old enough and was drawn by chance.")
    try:
        guesses = outcome_models(log)
    except NotReady as why:
        raise CannotTell(f"No outcome can be learnt from these decisions: {why}") from why
    if wanted == targets.CROSS_FITTED:
        learnt = [Policy("model", model, targets.gamma(log)) for model in guesses.models]
        report = weighing.judge_folds(log, learnt, guesses=guesses)
    else:
        report = weighing.judge(log, targets.named(wanted, use_case, log), guesses=guesses)
    happened = (float(y.mean()), *effects.wilson(int(y.sum()), len(y)))
    return Answer(len(log.examples.y), len(y), happened, report, offpolicy.too_poor(report))


def outcome_models(log: Logged) -> Guesses:
    """Two outcome models, each fitted on the half that the other is asked about."""
    found = log.examples
    fold = np.random.default_rng(fitting.SEED).permutation(len(found.y)) % 2
    return Guesses(tuple(fitting.outcome_model(found, fold != number) for number in (0, 1)), fold, found.x)


def answer_waiting(*, at: datetime) -> list[int]:
    """Answer every question that waits; which ones."""
    waiting = Question.objects.filter(answered_at=None).order_by("asked_at", "pk").values_list("pk", flat=True)
    return [pk for pk in list(waiting) if settle(pk, at=at)]


def settle(question_id: int, *, at: datetime) -> bool:
    """Answer one question and keep the answer; False when it was answered by someone else."""
    asked = Question.objects.get(pk=question_id)
    told: dict[str, Any] | None = None
    try:
        found = answer(
            asked.use_case, asked.policy, campaign=asked.campaign, since=asked.since, until=asked.until, at=at
        )
        told, refusal = said(found), found.refusal
    except CannotTell as why:
        refusal = str(why)
    with transaction.atomic():
        won = Question.objects.filter(pk=question_id, answered_at=None).update(
            answered_at=at, answer=told, refusal=refusal
        )
        if won:
            facts = {"policy": asked.policy, "refusal": refusal, "ess": told["ess"] if told else None}
            ledger.record("lab.answered", by=BY, at=at, about=f"question:{question_id}", facts=facts)
    return bool(won)


def said(found: Answer) -> dict[str, Any]:
    """The answer as it is kept; a refused one keeps its diagnostics and no estimate."""
    report = found.report
    return {
        "rows": found.rows,
        "drawn": found.drawn,
        "happened": list(found.happened),
        "ess": report.ess,
        "mean_weight": report.mean_weight,
        "weight_error": report.weight_error,
        "largest": report.largest,
        "share_of_one": report.share_of_one,
        "estimates": [] if found.refusal else [asdict(one) for one in report.estimates],
    }
