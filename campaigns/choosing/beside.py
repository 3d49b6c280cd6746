"""What another model would have chosen in past decisions, from what these saw; a draw with no effect on anybody."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from campaigns.choosing import learned, registered
from campaigns.choosing.registered import PlanMismatch
from campaigns.combinations import rules
from personalize.decide import combining, draws, policy
from personalize.decide.limits import Closed
from personalize.decide.snapshot import Policy

REOPENED = (Closed.OPEN, Closed.COMBINATION)  # what was closed only by the choice that was really made


@dataclass(frozen=True, slots=True)
class Beside:
    """choice (n, S) int16, -1 for not now · chance (n,) of exactly it · likely (n,) that of what was really chosen."""

    choice: np.ndarray
    chance: np.ndarray
    likely: np.ndarray


def beside(
    plan: dict[str, Any], client_ids: np.ndarray, made: np.ndarray, *, seed: int, x: np.ndarray, own: np.ndarray,
    closed: np.ndarray,
) -> Beside:  # fmt: skip
    """Decide as `plan` would have, for personalised clients whose real choice was `made` (n, S), none of it -1.

    x (n, F), own (n, W) and closed (n, ΣK) as the decisions saw them; own only for a learned policy. PlanMismatch.
    """
    ends = np.cumsum([len(slot["candidates"]) for slot in plan["slots"]])
    is_open = [np.isin(codes, REOPENED) for codes in np.split(closed, ends[:-1], axis=1)]
    model = registered.model(plan)
    if isinstance(model, Policy):
        if own.shape != (len(x), model.width):
            raise PlanMismatch("what the policy would see of the clients is not known")
        return _by_policy(plan, model, client_ids, made, seed, x, own, is_open)
    return _by_slots(plan, model, client_ids, made, seed, x, is_open)


def _by_slots(
    plan: dict[str, Any], model: Any, client_ids: np.ndarray, made: np.ndarray, seed: int, x: np.ndarray,
    is_open: list[np.ndarray],
) -> Beside:  # fmt: skip
    table, rows = rules.compiled(plan), np.arange(len(x))
    choice, chance, likely = np.full(made.shape, -1, np.int16), np.ones(len(x)), np.ones(len(x))
    main = None if model is None else model.main(x)
    for number, slot in enumerate(plan["slots"]):
        value = np.zeros(is_open[number].shape) if model is None else model.reward(x, number, main=main)
        mine = is_open[number] & combining.narrow(table, is_open, choice, number)
        picked = policy.pick(
            value, mine, gamma=plan["gamma"], draw=draws.uniform(seed, client_ids, f"slot:{slot['slot']}")
        )
        choice[:, number] = picked.arm
        chance *= picked.propensity
        theirs = is_open[number] & combining.narrow(table, is_open, made, number)
        likely *= policy.chances(value, theirs, gamma=plan["gamma"])[rows, made[:, number]]
    return Beside(choice, chance, likely)


def _by_policy(
    plan: dict[str, Any], model: Policy, client_ids: np.ndarray, made: np.ndarray, seed: int, x: np.ndarray,
    own: np.ndarray, is_open: list[np.ndarray],
) -> Beside:  # fmt: skip
    codes = [np.where(one, Closed.OPEN, Closed.COMBINATION) for one in is_open]
    seen, under = model.seen(x, own), learned.bound(plan, model)
    picked = learned.choose(plan, under, client_ids, seen, codes, seed=seed)
    likely = model.chance_of(
        seen, learned.allowed(under, codes), made, gamma=plan["gamma"], calm=under.calm,
        may_wait=learned.may_wait(plan),
    )  # fmt: skip
    return Beside(picked.choice, picked.chance, likely)
