"""What moved a choice: the features that spoke for it, by the model or by what the rules read."""

from typing import Any

import numpy as np

from campaigns.bulk import rules
from personalize import features
from personalize.decide import score
from personalize.decide.limits import Closed
from personalize.decide.values import FeatureTable


def moved(
    model: score.Model | None,
    plan: dict[str, Any],
    table: FeatureTable,
    choice: np.ndarray,
    closed: list[np.ndarray],
    values: list[np.ndarray],
) -> np.ndarray:
    """How much each feature spoke for the choice (n, F): over the runner-up by the model, or what the rules read.

    Where the model prefers nothing, as between words it has never seen, the rules are what moved the choice.
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
            moved[rows] += model.gap(table.x[rows], number, chosen[rows], others[rows].argmax(axis=1))
    return np.where((moved != 0).any(axis=1)[:, None], moved, read)


def _read_by_rules(
    plan: dict[str, Any], table: FeatureTable, choice: np.ndarray, closed: list[np.ndarray]
) -> np.ndarray:
    """1 for every feature that closed a candidate or let the chosen one in, where it is known: (n, F)."""
    weight = np.zeros(table.x.shape)
    columns = {code: number for number, code in enumerate(table.codes)}
    risk = _position("risk_tolerance", columns)
    for number, (slot, codes) in enumerate(zip(plan["slots"], closed, strict=True)):
        if risk is not None:
            weight[:, risk] += (codes == Closed.FRAMING).any(axis=1)
        for index, one in enumerate(slot["candidates"]):
            for name in rules.fields(one["rule"]):
                position = _position(name, columns)
                if position is not None:
                    weight[:, position] += choice[:, number] == index
    weight[~np.isfinite(table.x)] = 0.0
    return weight


def _position(name: str, codes: dict[str, int]) -> int | None:
    """Column of the feature that a rule's field reads, or None."""
    name = name.removeprefix("attribute:").removeprefix("feature:")
    if name in codes:
        return codes[name]
    for one in features.registry():
        if one.spec.get("attribute") == name and one.code in codes:
            return codes[one.code]
    return None
