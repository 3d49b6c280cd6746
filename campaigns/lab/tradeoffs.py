"""What attention costs: policies from opens alone to outcomes alone, weighed on the same log. Heavy: fits models."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import transaction

from campaigns import examples
from campaigns.examples import Logged
from campaigns.lab import answers, weighing
from campaigns.lab.weighing import CannotTell, Guesses
from campaigns.models import TradeOff, UseCase
from compliance import ledger
from personalize.decide import policy
from personalize.learn import offpolicy
from personalize.training import NotReady

BY = "system:lab"
WINDOW, LEAST = timedelta(days=182), 500
SHARES = (1.0, 0.8, 0.6, 0.4, 0.2, 0.1, 0.0)  # a reward may give opens and clicks a fifth at most
MEASURES = ("opened", "served")
FEWEST = 2  # points that make a curve


@dataclass(frozen=True, slots=True)
class _Judged:
    """The log of those who may be measured by one measure, and outcome models of it by fold."""

    log: Logged
    guesses: Guesses


def draw(*, at: datetime) -> list[TradeOff]:
    """A curve for every use case that has decisions to weigh."""
    found = [one(use_case, at=at) for use_case in UseCase.values]
    return [made for made in found if made is not None]


@transaction.atomic
def one(use_case: str, *, at: datetime, least: int = LEAST) -> TradeOff | None:
    """Weigh the decisions of half a year and keep the curve; None where fewer than `least` can be."""
    since = at - WINDOW
    log = _measured(examples.logged(use_case, at=at, since=since, until=at, came=True))
    if len(log.drawn) < least:
        return None
    assert log.came is not None
    points: list[dict[str, Any]] = []
    refusal = ""
    try:
        points = _points(log)
    except CannotTell as why:
        refusal = str(why)
    if not refusal and len(points) < FEWEST:
        points, refusal = [], "These policies overlap too little with what was decided."
    made = TradeOff.objects.create(
        use_case=use_case, since=since, until=at, decisions=len(log.drawn), points=points, refusal=refusal, made_at=at,
        happened=dict(zip(MEASURES, log.came.mean(axis=0).tolist(), strict=True)),
    )  # fmt: skip
    facts = {"use_case": use_case, "points": len(points), "refusal": refusal}
    ledger.record("lab.weighed", by=BY, at=at, about=f"use:{use_case}", facts=facts)
    return made


def _measured(log: Logged) -> Logged:
    """Only decisions that were drawn by chance and whose opens are known."""
    assert log.came is not None
    keep = log.drawn & np.isfinite(log.came).all(axis=1)
    found = log.examples
    kept = replace(
        found, x=found.x[keep], choice=found.choice[keep], y=found.y[keep], propensity=found.propensity[keep],
        at=found.at[keep],
    )  # fmt: skip
    return Logged(
        kept, log.drawn[keep], tuple(one[keep] for one in log.closed), log.run[keep], log.policy[keep],
        log.artefact[keep], log.came[keep],
    )  # fmt: skip


def _points(log: Logged) -> list[dict[str, Any]]:
    """What each policy would have brought by each measure; one that overlaps too little is left out.

    Every decision is judged by policies and outcome models that were learnt on the other half. Raises CannotTell.
    """
    assert log.came is not None
    judged = {}
    for number, name in enumerate(MEASURES):
        mine = replace(log, examples=replace(log.examples, y=log.came[:, number]))
        try:
            judged[name] = _Judged(mine, answers.outcome_models(mine))
        except NotReady as why:
            raise CannotTell(f"Whether a message {name} cannot be learnt from these decisions: {why}") from why
    rows, values = np.arange(len(log.drawn)), {name: _values(one) for name, one in judged.items()}
    gamma = policy.gamma_for(len(rows))
    told = []
    for share in SHARES:
        wanted = [share * opened + (1 - share) * served for opened, served in zip(*values.values(), strict=True)]
        target = [policy.chances(one, ~shut, gamma=gamma) for one, shut in zip(wanted, log.closed, strict=True)]
        reports = {name: weighing.weighed(one.log, rows, target, one.guesses) for name, one in judged.items()}
        if offpolicy.too_poor(reports["opened"]):
            continue
        found = {name: next(one for one in report.estimates if one.name == "dr") for name, report in reports.items()}
        told.append(
            {"share": share, "ess": reports["opened"].ess}
            | {name: [one.value, one.low, one.high] for name, one in found.items()}
        )
    return told


def _values(judged: _Judged) -> list[np.ndarray]:
    """For each slot what every candidate adds to the chance of the result, (n, K), by a model of the other half."""
    found, guesses = judged.log.examples, judged.guesses
    out = [np.zeros(one.shape) for one in judged.log.closed]
    rate = float(found.y.mean())
    for number, model in enumerate(guesses.models):
        mine, placed = guesses.fold == number, model.aligned(found.slots, found.candidates)
        for slot, value in enumerate(out):
            value[mine] = rate * (1 - rate) * placed.value(found.x[mine], slot)
    return out
