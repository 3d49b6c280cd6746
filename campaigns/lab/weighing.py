"""What would another policy have done? A use case's logged decisions weighed by another policy's chances."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from campaigns.examples import Logged
from personalize.decide import policy
from personalize.decide.score import Model
from personalize.learn import offpolicy
from personalize.learn.offpolicy import Report

MOST_COMBINATIONS = 64  # above, the outcome model is asked about some of them, drawn as the target draws
DRAWS, SEED = 32, 20_260_101


class CannotTell(Exception):
    """The log cannot answer the question; the message says why."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy to judge.

    kind   "uniform" over what was open, "model" (inverse-gap weighting with gamma), "candidate" (always one digest,
           else uniform), or "nothing" (the holdout's side: never send)
    gamma  on the log-odds scale, for "model"
    """

    kind: str
    model: Model | None = None
    gamma: float = 0.0
    digest: str = ""


def judge(log: Logged, target: Policy, *, guesses: "Guesses | None" = None) -> Report:
    """Estimates of the success rate per decision under `target`, from the decisions that were drawn by chance.

    guesses  an outcome model fitted on other rows, for the doubly robust estimates
    Raises CannotTell without logged chances, or when the target is a candidate nobody was ever given.
    """
    rows = np.flatnonzero(log.drawn)
    return weighed(log, rows, chances(log, target, rows), guesses)


def judge_folds(log: Logged, targets: list[Policy], *, guesses: "Guesses") -> Report:
    """`judge` of a way of learning: each row by the target that was learnt without it (targets by `guesses.fold`)."""
    rows = np.flatnonzero(log.drawn)
    found = [np.zeros((len(rows), len(one))) for one in log.examples.candidates]
    for number, target in enumerate(targets):
        mine = guesses.fold[rows] == number
        for all_rows, some in zip(found, chances(log, target, rows[mine]), strict=True):
            all_rows[mine] = some
    return weighed(log, rows, found, guesses)


def weighed(log: Logged, rows: np.ndarray, target: list[np.ndarray], guesses: "Guesses | None") -> Report:
    """The report from the target's chances of every candidate of every slot, for these rows."""
    examples = log.examples
    if len(rows) < 2:
        raise CannotTell("no decision of this log was drawn by chance, so nothing can be said of another policy")
    chosen, y = examples.choice[rows], examples.y[rows]
    share = np.ones(len(rows))
    for number, one in enumerate(target):
        picked = chosen[:, number]
        share *= np.where(picked >= 0, one[np.arange(len(rows)), np.maximum(picked, 0)], 1.0 - one.sum(axis=1))
    weight = share / examples.propensity[rows]
    if guesses is None:
        return offpolicy.weigh(weight, y)
    return offpolicy.weigh(weight, y, base=_expected(guesses, rows, target), guess=guesses.of(rows, chosen))


@dataclass(frozen=True, slots=True)
class Guesses:
    """Outcome models and which of them has not seen each row: fold (n,) indexes models."""

    models: tuple[Model, ...]
    fold: np.ndarray
    x: np.ndarray

    def of(self, rows: np.ndarray, choice: np.ndarray) -> np.ndarray:
        """Expected reward of these choices, each by a model that did not see the row."""
        out = np.empty(len(rows))
        for number, model in enumerate(self.models):
            mine = self.fold[rows] == number
            out[mine] = model.probability(self.x[rows[mine]], choice[mine])
        return out


def _expected(guesses: Guesses, rows: np.ndarray, chances: list[np.ndarray]) -> np.ndarray:
    """The outcome model's expectation under the target, over every combination of choices.

    Of many combinations, the mean of 32 drawn as the target draws: doubly robust estimates stay unbiased.
    """
    if np.prod([one.shape[1] + 1 for one in chances]) > MOST_COMBINATIONS:
        return _drawn(guesses, rows, chances)
    total = np.zeros(len(rows))
    for combination in product(*(range(-1, one.shape[1]) for one in chances)):
        share = np.ones(len(rows))
        for one, picked in zip(chances, combination, strict=True):
            share = share * (one[:, picked] if picked >= 0 else 1.0 - one.sum(axis=1))
        if share.max() > 1e-12:
            choice = np.tile(np.array(combination, np.int16), (len(rows), 1))
            total += share * guesses.of(rows, choice)
    return total


def _drawn(guesses: Guesses, rows: np.ndarray, chances: list[np.ndarray]) -> np.ndarray:
    rng = np.random.default_rng(SEED)
    ends = [one.cumsum(axis=1) for one in chances]
    total = np.zeros(len(rows))
    for _ in range(DRAWS):
        choice = np.full((len(rows), len(chances)), -1, np.int16)
        for number, end in enumerate(ends):
            passed = end > rng.random(len(rows))[:, None]
            choice[:, number] = np.where(passed.any(axis=1), passed.argmax(axis=1), -1)
        total += guesses.of(rows, choice)
    return total / DRAWS


def chances(log: Logged, target: Policy, rows: np.ndarray) -> list[np.ndarray]:
    """For each slot the target's chance of every candidate: (n, K), rows sum to 1, or 0 for "nothing"."""
    examples = log.examples
    found, known = [], False
    model = None
    if target.kind == "model":
        if target.model is None:
            raise CannotTell("there is no model to judge")
        model = target.model.aligned(examples.slots, examples.candidates)
    for number, digests in enumerate(examples.candidates):
        is_open = ~log.closed[number][rows]
        if target.kind == "nothing":
            found.append(np.zeros(is_open.shape))
            continue
        value = np.zeros(is_open.shape)
        if target.kind == "candidate" and target.digest in digests:
            known = True
            mine = digests.index(target.digest)
            only = np.zeros(is_open.shape, bool)
            only[:, mine] = is_open[:, mine]
            is_open = np.where(only.any(axis=1, keepdims=True), only, is_open)
        elif model is not None:
            value = model.value(examples.x[rows], number)
        found.append(policy.chances(value, is_open, gamma=target.gamma if target.kind == "model" else 0.0))
    if target.kind == "candidate" and not known:
        raise CannotTell(f"no decision of this log could choose {target.digest!r}")
    return found
