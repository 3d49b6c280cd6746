"""The reachable space of a plan: which two candidates eligibility, conditions and rules can really bring together."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from campaigns.combinations import array, rules
from personalize.decide import combining
from personalize.decide.limits import FRAMINGS, framings

# Every set of framings that some client may be shown, by what they can have told us.
SETS = {
    framings(risk, experience, vulnerable=vulnerable)
    for risk, experience, vulnerable in product(
        ("", "cautious", "balanced", "growth"), ("", "experienced"), (False, True)
    )
} | set(FRAMINGS.values())
NUMBERS = ("gte", "lte", "between")


@dataclass(frozen=True, slots=True)
class Space:
    """What a plan can make.

    levels    candidates of each slot · allowed pairs that may meet · kept_apart how many a rule or eligibility excludes
    """

    levels: tuple[int, ...]
    allowed: array.Pairs
    table: combining.Compiled

    @property
    def size(self) -> int:
        """How many messages the slots could make with no rule at all."""
        return int(np.prod(self.levels)) if self.levels else 0

    @property
    def kept_apart(self) -> int:
        """How many pairs cannot meet."""
        return array.count(array.every(self.levels)) - array.count(self.allowed)

    def possible(self, row: tuple[int, ...]) -> bool:
        """Whether no rule refuses the whole message."""
        return int(combining.violated(self.table, np.array([row]))[0]) < 0


def of(plan: dict[str, Any]) -> Space:
    """The space of a plan (`plans.snapshot`): pairs that no client can be shown together are left out.

    Left out are pairs kept apart by a combination rule, in different languages or markets, in framings that suit no one
    client, or under conditions (with the audience's own) that contradict each other. What is not provably impossible is
    kept.
    """
    slots = [slot["candidates"] for slot in plan["slots"]]
    levels = tuple(len(one) for one in slots)
    table = rules.compiled(plan)
    allowed = array.every(levels)
    for (i, j), open_ in allowed.items():
        for a, one in enumerate(slots[i]):
            for b, other in enumerate(slots[j]):
                open_[a, b] = _can_meet(one, other, plan["audience"])
        if (apart := table.pairs.get((i, j))) is not None:
            open_ &= apart < 0
    found = Space(levels, allowed, table)
    if found.kept_apart or not table.is_empty:
        return Space(levels, array.reachable(levels, allowed=allowed, possible=found.possible), table)
    return found


def _can_meet(one: dict[str, Any], other: dict[str, Any], audience: dict[str, Any]) -> bool:
    if one["language"] != other["language"]:  # a message has one language (`variants.missing`)
        return False
    if one.get("markets") and other.get("markets") and not set(one["markets"]) & set(other["markets"]):
        return False
    if not any({one["framing"], other["framing"]} <= suits for suits in SETS):
        return False
    return not contradict(one["rule"], other["rule"], audience)


def contradict(*trees: dict[str, Any]) -> bool:
    """Whether these rules, all true at once, ask one field for two different things. False when that is not certain."""
    asked: dict[str, list[dict[str, Any]]] = {}
    for tree in trees:
        for leaf in _leaves(tree):
            asked.setdefault(str(leaf.get("field")), []).append(leaf)
    return any(
        _clash(one, other) for leaves in asked.values() for one in leaves for other in leaves if one is not other
    )


def _leaves(tree: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The conditions that must all hold; what stands under "any" or "not" says nothing certain."""
    if "field" in tree:
        return [dict(tree)]
    return [leaf for one in tree.get("all", []) for leaf in _leaves(one)]


def _clash(one: dict[str, Any], other: dict[str, Any]) -> bool:
    if one.get("days") != other.get("days"):
        return False
    kinds = {one["op"], other["op"]}
    if "exists" in kinds:
        silent = [leaf for leaf in (one, other) if leaf["op"] == "exists"]
        if len(silent) == 2:
            return bool(silent[0].get("value")) != bool(silent[1].get("value"))
        return silent[0].get("value") is False
    if kinds <= {"eq", "in"}:
        return not _words(one) & _words(other)
    if kinds <= {"eq", *NUMBERS}:
        (low, high), (least, most) = _range(one), _range(other)
        return low > most or least > high
    return False


def _words(leaf: dict[str, Any]) -> set[str]:
    value = leaf.get("value")
    return {_word(one) for one in (value if isinstance(value, list) else [value])}


def _word(value: Any) -> str:
    """The value as a comparison sees it: 12 and "12.0" are one number."""
    try:
        return f"{float(value):g}"
    except (TypeError, ValueError):
        return str(value)


def _range(leaf: dict[str, Any]) -> tuple[float, float]:
    value: Any = leaf.get("value")
    try:
        if leaf["op"] == "between":
            low, high = value
            return float(low), float(high)
        number = float(value)
    except (TypeError, ValueError):
        return -np.inf, np.inf
    return (number if leaf["op"] != "lte" else -np.inf), (number if leaf["op"] != "gte" else np.inf)
