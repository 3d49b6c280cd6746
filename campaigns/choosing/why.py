"""What moved a choice: the features that spoke for it, by the model or by what the rules read."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from campaigns.bulk import rules
from personalize import features
from personalize.decide import policy, reasons, score
from personalize.decide.limits import Closed
from personalize.decide.values import FeatureTable
from personalize.models import Feature

MOST = 4  # features that are named for one choice
SAME = 1e-12  # chances that differ by no more are the same


def moved(
    model: score.Model | None,
    plan: dict[str, Any],
    table: FeatureTable,
    choice: np.ndarray,
    closed: list[np.ndarray],
    values: list[np.ndarray],
    chance: np.ndarray,
) -> np.ndarray:
    """How much each feature spoke for the choice (n, F): over the runner-up by the model, or what the rules read.

    By the model it is what knowing the feature adds, of up to four features without each of which the choice would
    have been less likely than its chance (n, S): they are taken away one by one to see. Where the model prefers
    nothing, as between words it has never seen, the rules are what moved the choice.
    """
    read = _read_by_rules(plan, table, choice, closed)
    if model is None:
        return read
    moved = np.zeros(table.x.shape)
    for number, (codes, value) in enumerate(zip(closed, values, strict=True)):
        chosen = choice[:, number].astype(np.intp)
        others = np.where(codes == Closed.OPEN, value, -np.inf)
        others[np.arange(len(chosen)), chosen] = -np.inf
        rows = np.flatnonzero((chosen >= 0) & np.isfinite(others).any(axis=1))
        if len(rows):
            pair = chosen[rows], others[rows].argmax(axis=1)
            moved[rows] += model.gap(table.x[rows], number, *pair)
            moved[rows] -= model.gap(np.full_like(table.x[rows], np.nan), number, *pair)
    proven = _proven(model, plan, table, choice, closed, chance.prod(axis=1), moved)
    return np.where((proven != 0).any(axis=1)[:, None], proven, read)


def _proven(
    model: score.Model, plan: dict[str, Any], table: FeatureTable, choice: np.ndarray, closed: list[np.ndarray],
    before: np.ndarray, moved: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Of the strongest features those that made the choice likelier; the others 0: (n, F)."""
    kept, (named, _) = np.zeros(moved.shape), reasons.top(moved, MOST)
    for rank in range(named.shape[1]):
        rows = np.flatnonzero(named[:, rank] >= 0)
        one, x, likely = named[rows, rank], table.x[rows].copy(), np.ones(len(rows))
        place = np.arange(len(rows))
        x[place, one] = np.nan
        main = model.main(x)
        for number, codes in enumerate(closed):
            picked = choice[rows, number]
            value = model.reward(x, number, main=main)
            chances = policy.chances(value, codes[rows] == Closed.OPEN, gamma=plan["gamma"])
            likely *= np.where(picked >= 0, chances[place, np.maximum(picked, 0)], 1.0)
        less = likely < before[rows] - SAME
        kept[rows[less], one[less]] = moved[rows[less], one[less]]
    return kept


def _read_by_rules(
    plan: dict[str, Any], table: FeatureTable, choice: np.ndarray, closed: list[np.ndarray]
) -> np.ndarray:
    """1 for every feature that closed a candidate or let the chosen one in, where it is known: (n, F)."""
    weight = np.zeros(table.x.shape)
    columns = {code: number for number, code in enumerate(table.codes)}
    registry = features.registry_of(table.version)  # by no query: somebody may wait
    risk = _position("risk_tolerance", columns, registry)
    for number, (slot, codes) in enumerate(zip(plan["slots"], closed, strict=True)):
        if risk is not None:
            weight[:, risk] += (codes == Closed.FRAMING).any(axis=1)
        for index, one in enumerate(slot["candidates"]):
            for name in _fields(json.dumps(one["rule"])) if one["rule"] else ():
                position = _position(name, columns, registry)
                if position is not None:
                    weight[:, position] += choice[:, number] == index
    weight[~np.isfinite(table.x)] = 0.0
    return weight


@lru_cache(maxsize=4096)
def _fields(rule: str) -> tuple[str, ...]:
    """What a rule reads; to read it anew asks the registry."""
    return tuple(rules.fields(json.loads(rule)))


def _position(name: str, codes: dict[str, int], registry: Sequence[Feature]) -> int | None:
    """Column of the feature that a rule's field reads, or None."""
    name = name.removeprefix("attribute:").removeprefix("feature:")
    if name in codes:
        return codes[name]
    for one in registry:
        if one.spec.get("attribute") == name and one.code in codes:
            return codes[one.code]
    return None
