"""Which blocks may stand in one message: combination rules compiled to tables, and what they leave open or refuse."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Selector = dict[str, Any]
KINDS = ("excludes", "requires", "order", "at_most", "length", "agree", "tones")
# What a rule may ask of a block; every block has each as a set of words (see `facts`).
ASKED = ("slot", "block", "topic", "framing", "language", "is")


@dataclass(frozen=True, slots=True)
class Block:
    """A candidate as rules see it.

    facts  attribute of ASKED → its words · length in characters, fields at their longest
    """

    facts: dict[str, frozenset[str]]
    length: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as data: kind is one of KINDS, body what it says (see `problems`), code what reasons call it."""

    code: str
    kind: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sum:
    """A rule about a total: Σ weight of the chosen <= most. weights: (K,) float64 for each slot."""

    code: int
    weights: tuple[np.ndarray, ...]
    most: float


@dataclass(frozen=True, slots=True)
class Need:
    """If a chosen candidate `has`, a chosen one must be in `must`: a (K,) bool each for each slot."""

    code: int
    has: tuple[np.ndarray, ...]
    must: tuple[np.ndarray, ...]


@dataclass(frozen=True, slots=True)
class Compiled:
    """The rules of one campaign over its slots and candidates.

    codes  of the rules, by number · pairs  (i, j), i < j → (K_i, K_j) int16: number of the rule that keeps them apart,
    or -1 · pairs holds only those slots that some rule concerns
    """

    codes: tuple[str, ...]
    pairs: dict[tuple[int, int], np.ndarray]
    sums: tuple[Sum, ...]
    needs: tuple[Need, ...]

    @property
    def is_empty(self) -> bool:
        """Whether no rule says anything about these candidates."""
        return not (self.pairs or self.sums or self.needs)


def matches(block: Block, selector: Selector) -> bool:
    """Whether every attribute the selector names has one of the words it lists; the empty selector matches all."""
    return all(block.facts.get(name, frozenset()) & set(words) for name, words in selector.items())


def problems(kind: str, body: Any) -> str:
    """What is wrong with a rule, as a sentence; empty when it can be compiled.

    excludes {"a": selector, "b": selector}      no message has both
    requires {"when": selector, "then": selector}  a message with the one has the other
    order    {"first": selector, "then": selector} the first never stands after the second
    at_most  {"of": selector, "most": n}          no more than so many
    length   {"channel": code, "most": characters} the whole message
    agree    {"on": attribute}                    blocks that state it share a word: language, product, market
    tones    {"together": [[framing, …], …]}      the framings of a message lie within one of the lists
    """
    shapes: dict[str, dict[str, type]] = {
        "excludes": {"a": dict, "b": dict}, "requires": {"when": dict, "then": dict},
        "order": {"first": dict, "then": dict}, "at_most": {"of": dict, "most": int},
        "length": {"channel": str, "most": int}, "agree": {"on": str}, "tones": {"together": list},
    }  # fmt: skip
    shape = shapes.get(kind)
    if shape is None:
        return f"A rule is one of: {', '.join(KINDS)}."
    if not isinstance(body, dict) or set(body) != set(shape):
        return f"A rule “{kind}” says {' and '.join(shape)}, and nothing else."
    for name, wanted in shape.items():
        if not isinstance(body[name], wanted) or isinstance(body[name], bool):
            return f"“{name}” is of the wrong kind."
        if wanted is dict and (why := _selector_fault(body[name])):
            return f"“{name}”: {why}"
        if wanted is int and not 0 <= body[name] <= 1_000_000:
            return f"“{name}” lies between 0 and 1,000,000."
    if kind == "agree" and body["on"] not in (*ASKED, "product", "market"):
        return "“on” names something a block states: language, product or market."
    if kind == "tones" and not all(isinstance(one, list) and one for one in body["together"]):
        return "“together” lists lists of framings."
    return ""


def _selector_fault(selector: dict[str, Any]) -> str:
    for name, words in selector.items():
        if name not in ASKED:
            return f"a block has no “{name}”; ask for {', '.join(ASKED)}."
        if not isinstance(words, list) or not words or not all(isinstance(one, str) for one in words):
            return f"“{name}” needs a list of words."
    return "" if selector else "name at least one thing."


def compile_rules(rules: Sequence[Rule], slots: Sequence[Sequence[Block]], *, channel: str) -> Compiled:
    """The rules over these slots' candidates, in slot order."""
    pairs: dict[tuple[int, int], np.ndarray] = {}
    sums: list[Sum] = []
    needs: list[Need] = []
    for number, rule in enumerate(rules):
        body = rule.body
        if rule.kind == "requires":
            has, must = _chosen(slots, body["when"]), _chosen(slots, body["then"])
            if any(one.any() for one in has):
                needs.append(Need(number, has, must))
        elif rule.kind == "at_most":
            sums.append(Sum(number, tuple(one.astype(float) for one in _chosen(slots, body["of"])), body["most"]))
        elif rule.kind == "length" and body["channel"] == channel:
            weights = tuple(np.array([one.length for one in slot], float) for slot in slots)
            sums.append(Sum(number, weights, body["most"]))
        elif rule.kind in ("excludes", "order", "agree", "tones"):
            _apart(pairs, number, rule, slots)
    kept = {pair: one for pair, one in pairs.items() if (one >= 0).any()}
    tight = tuple(one for one in sums if sum(w.max(initial=0) for w in one.weights) > one.most)
    return Compiled(tuple(one.code for one in rules), kept, tight, tuple(needs))


def _chosen(slots: Sequence[Sequence[Block]], selector: Selector) -> tuple[np.ndarray, ...]:
    return tuple(np.array([matches(one, selector) for one in slot], bool) for slot in slots)


def _apart(pairs: dict[tuple[int, int], np.ndarray], number: int, rule: Rule, slots: Sequence[Sequence[Block]]) -> None:
    for i in range(len(slots)):
        for j in range(i + 1, len(slots)):
            table = pairs.setdefault((i, j), np.full((len(slots[i]), len(slots[j])), -1, np.int16))
            for a, one in enumerate(slots[i]):
                for b, other in enumerate(slots[j]):
                    if table[a, b] < 0 and _keeps_apart(rule, one, other):
                        table[a, b] = number


def _keeps_apart(rule: Rule, early: Block, late: Block) -> bool:
    body = rule.body
    if rule.kind == "excludes":
        return (matches(early, body["a"]) and matches(late, body["b"])) or (
            matches(early, body["b"]) and matches(late, body["a"])
        )
    if rule.kind == "order":  # `early` is read first
        return matches(early, body["then"]) and matches(late, body["first"])
    if rule.kind == "agree":
        ours, theirs = early.facts.get(body["on"], frozenset()), late.facts.get(body["on"], frozenset())
        return bool(ours and theirs and not ours & theirs)
    both = early.facts.get("framing", frozenset()) | late.facts.get("framing", frozenset())
    return not any(both <= set(one) for one in body["together"])


def violated(compiled: Compiled, choice: np.ndarray) -> np.ndarray:
    """The number of the first rule that each choice breaks, -1 where it breaks none: (n,) int16.

    choice  (n, S) index of the chosen candidate of each slot; rows with a -1 are no messages and break nothing
    """
    broken = np.full(len(choice), -1, np.int16)
    rows = np.flatnonzero((choice >= 0).all(axis=1))
    if compiled.is_empty or not len(rows):
        return broken
    made = choice[rows].astype(np.intp)
    first = np.full(len(rows), np.iinfo(np.int16).max, np.int16)
    for (i, j), table in compiled.pairs.items():
        hit = table[made[:, i], made[:, j]]
        first = np.where(hit >= 0, np.minimum(first, hit), first)
    for one in compiled.sums:
        total = sum(weights[made[:, slot]] for slot, weights in enumerate(one.weights))
        first = np.where(total > one.most, np.minimum(first, np.int16(one.code)), first)
    for need in compiled.needs:
        has = np.logical_or.reduce([one[made[:, slot]] for slot, one in enumerate(need.has)])
        got = np.logical_or.reduce([one[made[:, slot]] for slot, one in enumerate(need.must)])
        first = np.where(has & ~got, np.minimum(first, np.int16(need.code)), first)
    broken[rows] = np.where(first == np.iinfo(np.int16).max, -1, first)
    return broken


def narrow(compiled: Compiled, is_open: Sequence[np.ndarray], chosen: np.ndarray, slot: int) -> np.ndarray:
    """Which candidates of a slot the rules leave open after what was chosen before it: (n, K) bool.

    is_open  (n, K) bool of every slot · chosen (n, S), of which the columns before `slot` count

    Looks ahead: a candidate stays open only if every later slot still has one that fits it and what was chosen, the
    totals can still be met, and whatever a chosen candidate requires can still come.
    """
    mask = np.asarray(is_open[slot], bool).copy()
    if compiled.is_empty or not len(mask):
        return mask
    later = range(slot + 1, len(is_open))
    fits = {other: _fits(compiled, is_open[other], chosen, other, before=slot) for other in (slot, *later)}
    mask &= fits[slot]
    for other in later:
        table = compiled.pairs.get((slot, other))
        left = fits[other]
        if table is None:
            mask &= np.asarray(left.any(axis=1)).reshape(-1, 1)
        else:
            mask &= (left.astype(np.float32) @ (table.T < 0).astype(np.float32)) > 0
    for one in compiled.sums:
        spent = sum((one.weights[s][chosen[:, s]] for s in range(slot)), np.zeros(len(mask)))
        least = sum((_least(one.weights[s], fits[s]) for s in later), np.zeros(len(mask)))
        mask &= (spent + least)[:, None] + one.weights[slot] <= one.most
    for need in compiled.needs:
        _needed(need, mask, chosen, slot, fits, later)
    return mask


def _fits(compiled: Compiled, is_open: np.ndarray, chosen: np.ndarray, slot: int, *, before: int) -> np.ndarray:
    """Candidates of a slot that go with everything chosen in the slots before `before`."""
    mask = np.asarray(is_open, bool).copy()
    for earlier in range(before):
        table = compiled.pairs.get((earlier, slot))
        if table is not None:
            mask &= table[chosen[:, earlier]] < 0
    return mask


def _least(weights: np.ndarray, left: np.ndarray) -> np.ndarray:
    return np.where(left.any(axis=1), np.where(left, weights, np.inf).min(axis=1), 0.0)


def _needed(
    need: Need, mask: np.ndarray, chosen: np.ndarray, slot: int, fits: dict[int, np.ndarray], later: range
) -> None:
    none = np.zeros(len(mask), bool)
    got = np.logical_or.reduce([need.must[s][chosen[:, s]] for s in range(slot)] or [none])
    asked = np.asarray(np.logical_or.reduce([need.has[s][chosen[:, s]] for s in range(slot)] or [none]))
    comes = np.logical_or.reduce([(fits[s] & need.must[s]).any(axis=1) for s in later] or [none])
    stuck = np.asarray(~got & ~comes)
    mask &= ~stuck[:, None] | need.must[slot] | ~(np.asarray(asked)[:, None] | need.has[slot])
