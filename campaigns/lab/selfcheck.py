"""The lab's weekly look at its own ground: are logged probabilities those by which was drawn?"""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import transaction

from campaigns import choosing, examples
from campaigns.examples import Logged
from campaigns.models import Run, SelfCheck, UseCase
from compliance import ledger
from personalize.decide import policy
from personalize.decide.score import Model

BY = "system:lab"
WINDOW, LEAST = timedelta(days=56), 100
CLOSE = 1e-6
APART = 4.0  # standard errors: looked at weekly over six use cases, chance alone passes it once in hundreds of years
BY_SLOT = ("igw-1", "rules-1")  # policies that draw each slot by itself, so that all of their chances can be had again


def look(*, at: datetime) -> list[SelfCheck]:
    """Check every use case that has decisions to check; a fault is kept, written to the ledger and shown."""
    found = [one(use_case, since=at - WINDOW, until=at, at=at) for use_case in UseCase.values]
    return [made for made in found if made is not None]


@transaction.atomic
def one(use_case: str, *, since: datetime, until: datetime, at: datetime) -> SelfCheck | None:
    """Draw the decisions of a time again and compare; None where fewer than 100 can be.

    Three things must hold: every probability is found again to 1e-6; a uniform policy's mean weight is 1; and what the
    logged policy is expected to reach, by the success of each candidate and its probability, is what it did reach.
    """
    log = examples.logged(use_case, at=at, since=since, until=until)
    rows = np.flatnonzero(log.drawn & np.isin(_family(log.policy), BY_SLOT))
    if len(rows) < LEAST:
        return None
    chances, uniform = _again(log, rows)
    share, even = _of_choice(log, rows, chances), _of_choice(log, rows, uniform)
    weight = even / log.examples.propensity[rows]
    y = log.examples.y[rows]
    moved = _expected_less_taken(log, rows, chances)
    measured: dict[str, Any] = {
        "decisions": len(log.examples.y),
        "drawn_again": len(rows),
        "differing": int((np.abs(share - log.examples.propensity[rows]) > CLOSE).sum()),
        "mean_weight": float(weight.mean()),
        "weight_error": _error(weight),
        "happened": float(y.mean()),
        "estimate": float((y + moved).mean()),
        "estimate_error": _error(moved),
    }
    made = SelfCheck.objects.create(
        use_case=use_case, since=since, until=until, made_at=at, fault=_fault(measured), **measured
    )
    ledger.record("lab.checked", by=BY, at=at, about=f"use:{use_case}", facts={"fault": made.fault, **measured})
    return made


def newest() -> list[SelfCheck]:
    """The newest check of every use case that had one."""
    return list(SelfCheck.objects.order_by("use_case", "-made_at", "-pk").distinct("use_case"))


def _family(policies: np.ndarray) -> np.ndarray:
    """Policies without what became of their model: "rules-1-expired" is "rules-1"."""
    return np.array(["-".join(one.split("-")[:2]) for one in policies.tolist()])


def _again(log: Logged, rows: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """For each slot the chances (n, K) of every candidate, by what decided each row and by a uniform policy."""
    uniform = [policy.chances(np.zeros((len(rows), one.shape[1])), ~one[rows], gamma=0.0) for one in log.closed]
    chances = [one.copy() for one in uniform]
    plans = dict(Run.objects.filter(pk__in=np.unique(log.run[rows]).tolist()).values_list("pk", "plan"))
    for run, artefact in np.unique(np.stack([log.run[rows], log.artefact[rows]], axis=1), axis=0).tolist():
        plan = choosing.as_decided(plans[run], artefact or None)
        model = choosing.model(plan)
        if not isinstance(model, Model):
            continue
        mine = np.flatnonzero((log.run[rows] == run) & (log.artefact[rows] == artefact))
        for number, value in enumerate(_values(model, log, rows[mine])):
            is_open = ~log.closed[number][rows[mine]]
            chances[number][mine] = policy.chances(value, is_open, gamma=plan["gamma"])
    return chances, uniform


def _values(model: Model, log: Logged, rows: np.ndarray) -> list[np.ndarray]:
    """What the model expected of each candidate of each slot, by the columns of the log."""
    placed = model.aligned(log.examples.slots, log.examples.candidates)
    x = log.examples.x[rows]
    main = placed.main(x)
    return [placed.reward(x, number, main=main) for number in range(len(log.closed))]


def _of_choice(log: Logged, rows: np.ndarray, chances: list[np.ndarray]) -> np.ndarray:
    """The probability (n,) of what was taken: the product over slots; a slot that had nothing open counts as 1."""
    out = np.ones(len(rows))
    for number, each in enumerate(chances):
        picked = log.examples.choice[rows, number]
        out *= np.where(picked >= 0, each[np.arange(len(rows)), np.maximum(picked, 0)], 1.0)
    return out


def _expected_less_taken(log: Logged, rows: np.ndarray, chances: list[np.ndarray]) -> np.ndarray:
    """By slot the success rate of each candidate: expected over what could be drawn, less that of what was, summed."""
    y, out = log.examples.y[rows], np.zeros(len(rows))
    for number, each in enumerate(chances):
        picked = log.examples.choice[rows, number]
        had = picked >= 0
        n = np.bincount(picked[had], minlength=each.shape[1])
        rate = (np.bincount(picked[had], y[had], each.shape[1]) + y.mean()) / (n + 1.0)
        out[had] += (each[had] @ rate) - rate[picked[had]]
    return out


def _error(each: np.ndarray) -> float:
    return float(each.std(ddof=1) / np.sqrt(len(each)))


def _fault(measured: dict[str, Any]) -> str:
    said = []
    if measured["differing"]:
        said.append(f"{measured['differing']:,} logged probabilities are not found again.")
    if abs(measured["mean_weight"] - 1.0) > APART * measured["weight_error"] + CLOSE:
        said.append(f"The mean weight of a uniform policy is {measured['mean_weight']:.4f} and should be 1.")
    if abs(measured["estimate"] - measured["happened"]) > APART * measured["estimate_error"] + CLOSE:
        said.append("What the logged policy should have reached is not what it reached.")
    return " ".join(said)
