"""A trained model as plain numbers: its score, and the exact part of each feature in it.

A model is JSON text (`modeltext.load`), so nothing can hide in it and a person can read it:

    base      the log-odds of the average client
    terms     "linear": a weight for each standardised column, or "tables": a value for each bin of one feature or
              of two features together (a generalised additive model with pairwise terms)
    curve     how the sum of the terms is bent so that its probabilities are honest: `Curve`
    slots     for each slot, an offset per candidate and a weight per candidate and column: who likes what

The log-odds are base + the terms, bent + the offset and weights of the chosen candidate of each slot, and nothing else:
every part belongs to named features, so the parts sum to the score exactly.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from personalize.decide.binning import Grid
from personalize.decide.design import Input, design, given, probability
from personalize.decide.features import CATEGORY

FORMAT = 1
ROWS = 16_384  # rows at once: their columns stay in cache
MANY = 2_000  # rows from which laying grids pays


class BadModel(Exception):
    """The text is not a model we may use: wrong hash, wrong format or an impossible shape. Nothing was loaded."""


@dataclass(frozen=True, slots=True)
class Term:
    """One table: `values` by bin of one feature (1-D) or two (2-D, first feature's bins as rows).

    inputs  indices into Model.inputs; cuts  per feature the sorted upper ends of its bins (numbers) or () (categories)
    The last bin of every feature is "not known"; a number v is in the first bin whose cut is >= v.
    """

    inputs: tuple[int, ...]
    cuts: tuple[np.ndarray, ...]
    values: np.ndarray


@dataclass(frozen=True, slots=True)
class Curve:
    """A rising line with bends, through 0: what a sum of terms t becomes, t + the bends times how far t is past them.

    Terms that add up say too much where several agree, or too little; what came says how much. The share of each term
    in the sum stays as it was, so parts are multiplied by `stretch` and still sum to the score exactly.

    knots  (K,) where it bends, rising · bends  (K,) how much steeper it is from there on
    """

    knots: np.ndarray = field(default_factory=lambda: np.zeros(0))
    bends: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def at(self, t: np.ndarray) -> np.ndarray:
        """The bent sums, (n,) as t; t itself where there is no bend."""
        if not len(self.knots):
            return t
        bent = t - float(self.bends @ np.maximum(-self.knots, 0.0))
        for knot, bend in zip(self.knots, self.bends, strict=True):
            bent += bend * np.maximum(t - knot, 0.0)
        return bent

    def stretch(self, t: np.ndarray) -> np.ndarray:
        """What each part of the sum t is multiplied by, (n,): at(t) / t, the slope at 0 where t is 0."""
        at_zero = 1.0 + float(self.bends[self.knots < 0].sum())
        return np.divide(self.at(t), t, out=np.full(len(t), at_zero), where=np.abs(t) > 1e-12)


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model. Arrays in, arrays out; see the module for what the numbers mean.

    x is (n, F): the columns by registry position (`FeatureTable.x`). Columns the model does not read are ignored,
    and columns it reads but x does not have yet are taken as not known.
    choice is (n, S): the index of the candidate chosen in each slot of `slots`; -1 where a slot is unused.

    slots       (S,) names · candidates  for each slot the digests (K,)
    offsets     for each slot (K,) · weights  for each slot (K, C) on the columns of `design`
    """

    method: str
    base: float
    inputs: tuple[Input, ...]
    weight: np.ndarray
    terms: tuple[Term, ...]
    slots: tuple[str, ...]
    candidates: tuple[tuple[str, ...], ...]
    offsets: tuple[np.ndarray, ...]
    weights: tuple[np.ndarray, ...]
    curve: Curve = field(default_factory=Curve)

    def main(self, x: np.ndarray) -> np.ndarray:
        """Log-odds of each client before any candidate is chosen: (n,) float64."""
        if self.method == "linear" or len(x) < MANY:
            return self.base + self.parts(x).sum(axis=1)
        seen = _Seen.of(self)
        out = np.empty(len(x))
        for start in range(0, len(x), ROWS):
            block = x[start : start + ROWS]
            total = np.zeros(len(block))
            for _, part in self._looked_up(block, seen):
                total += part
            out[start : start + len(block)] = self.base + self.curve.at(total)
        return out

    def value(self, x: np.ndarray, slot: int) -> np.ndarray:
        """What each candidate of a slot adds to a client's log-odds: (n, K) float64."""
        offset, weight = self.offsets[slot], self.weights[slot]
        return _by_rows(x, len(offset), lambda rows: design(self.inputs, rows) @ weight.T + offset)

    def reward(self, x: np.ndarray, slot: int, *, main: np.ndarray | None = None) -> np.ndarray:
        """Predicted probability with each candidate of one slot, the other slots left out: (n, K), for `policy.pick`.

        main  (n,) `Model.main(x)` when the caller has it already
        """
        start = self.main(x) if main is None else main
        return probability(start[:, None] + self.value(x, slot))

    def score(self, x: np.ndarray, choice: np.ndarray | None = None) -> np.ndarray:
        """Log-odds with the chosen candidates: (n,) float64."""
        total = self.main(x)
        if choice is None:
            return total
        for number in range(len(self.slots)):
            total += _chosen(self.value(x, number), choice[:, number])
        return total

    def probability(self, x: np.ndarray, choice: np.ndarray | None = None) -> np.ndarray:
        """Predicted probability of the target with the chosen candidates: (n,) float64 in (0, 1)."""
        return probability(self.score(x, choice))

    def start(self, choice: np.ndarray | None, n: int) -> np.ndarray:
        """The part of the score that belongs to no feature: base and the offsets of the chosen candidates, (n,)."""
        total = np.full(n, self.base)
        if choice is not None:
            for number, offset in enumerate(self.offsets):
                total += _chosen(np.broadcast_to(offset, (n, len(offset))), choice[:, number])
        return total

    def contributions(self, x: np.ndarray, choice: np.ndarray | None = None) -> np.ndarray:
        """The exact part of each column of x in the score: (n, F) float64; `start` + the row sums are `score`.

        A table of two features gives half to each; its one-feature effects were moved to their own tables in training.
        """
        found = np.zeros(x.shape[::-1])  # a feature's parts lie side by side: adding them up is then quick
        seen = _Seen.of(self) if self.method != "linear" and len(x) >= MANY else None
        for start in range(0, len(x), ROWS):
            rows = slice(start, start + ROWS)
            self._add_terms(found[:, rows], x[rows], seen)
            if choice is not None and self.slots:
                self._add_choice(found[:, rows], x[rows], choice[rows])
        return found.T

    def gap(self, x: np.ndarray, slot: int, chosen: np.ndarray, other: np.ndarray) -> np.ndarray:
        """How much each column of x favours candidate `chosen` over `other` of one slot: (n, F) float64.

        Row sums and the difference of the two offsets are exactly the difference of their `value`.
        """
        weight = self.weights[slot]
        found = np.zeros(x.shape[::-1])
        self._add_columns(found, design(self.inputs, x) * (weight[chosen] - weight[other]))
        return found.T

    def parts(self, x: np.ndarray) -> np.ndarray:
        """One column per entry of `names`: the exact part of each term in `main`, (n, T) float64."""
        if self.method == "linear":
            return _by_rows(x, len(self.inputs), lambda rows: self._grouped(design(self.inputs, rows) * self.weight))
        if len(x) < MANY:
            return self._bent(self._searched(x))
        seen = _Seen.of(self)
        return _by_rows(x, len(self.terms), lambda rows: self._bent(self._gridded(rows, seen)))

    def names(self) -> tuple[str, ...]:
        """The name of each term: a feature's code, or two codes joined by " & "."""
        if self.method == "linear":
            return tuple(one.column.code for one in self.inputs)
        return tuple(" & ".join(self.inputs[i].column.code for i in term.inputs) for term in self.terms)

    def aligned(self, slots: tuple[str, ...], candidates: tuple[tuple[str, ...], ...]) -> "Model":
        """The same model with its slots and candidates in a campaign's order.

        A candidate the model never saw has offset and weights 0: the average of what is known, by design of the prior.
        """
        width = sum(one.width for one in self.inputs)
        offsets, weights = [], []
        for name, wanted in zip(slots, candidates, strict=True):
            number = self.slots.index(name) if name in self.slots else None
            known = {} if number is None else {one: column for column, one in enumerate(self.candidates[number])}
            offset, weight = np.zeros(len(wanted)), np.zeros((len(wanted), width))
            for row, digest in enumerate(wanted):
                if number is not None and digest in known:
                    offset[row] = self.offsets[number][known[digest]]
                    weight[row] = self.weights[number][known[digest]]
            offsets.append(offset)
            weights.append(weight)
        return replace(self, slots=slots, candidates=candidates, offsets=tuple(offsets), weights=tuple(weights))

    def _grouped(self, columns: np.ndarray) -> np.ndarray:
        """Design columns added up per feature: (n, C) -> (n, inputs)."""
        if not self.inputs:
            return np.zeros((len(columns), 0))
        firsts = np.cumsum([0] + [one.width for one in self.inputs[:-1]])
        return np.add.reduceat(columns, firsts, axis=1)

    def _add_terms(self, found: np.ndarray, x: np.ndarray, seen: "_Seen | None") -> None:
        """Add to found (F, n), which is 0 before, what each feature adds through the terms."""
        total = np.zeros(len(x))
        for number, part in self._looked_up(x, seen) if seen else enumerate(self.parts(x).T):
            inputs = (number,) if self.method == "linear" else self.terms[number].inputs
            for index in inputs:
                self._add(found, index, part if len(inputs) == 1 else part / len(inputs))
            total += part
        if seen and len(self.curve.knots):
            found *= self.curve.stretch(total)

    def _add_choice(self, found: np.ndarray, x: np.ndarray, choice: np.ndarray) -> None:
        """Add to found (F, n) what each feature adds through the chosen candidates."""
        columns = design(self.inputs, x)
        total = np.zeros_like(columns)
        for number, weight in enumerate(self.weights):
            used = choice[:, number] >= 0
            total[used] += columns[used] * weight[choice[used, number]]
        self._add_columns(found, total)

    def _add_columns(self, found: np.ndarray, columns: np.ndarray) -> None:
        """Add design columns (n, C) to the columns of x that they come from, found (F, n)."""
        for index, part in enumerate(self._grouped(columns).T):
            self._add(found, index, part)

    def _add(self, found: np.ndarray, index: int, part: np.ndarray) -> None:
        """Add one input's part to the column that it comes from, where there is one."""
        position = self.inputs[index].position
        if position < len(found):
            found[position] += part

    def _bent(self, parts: np.ndarray) -> np.ndarray:
        """The terms' values (n, T) as the parts they have in the bent sum."""
        if len(self.curve.knots):
            parts *= self.curve.stretch(parts.sum(axis=1))[:, None]
        return parts

    def _searched(self, x: np.ndarray) -> np.ndarray:
        """The parts of few rows."""
        out = np.empty((len(x), len(self.terms)))
        for number, term in enumerate(self.terms):
            place = self.bins(x, term, 0)
            if len(term.inputs) == 2:
                place = place * term.values.shape[1] + self.bins(x, term, 1)
            np.take(term.values.reshape(-1), place, out=out[:, number])
        return out

    def _gridded(self, x: np.ndarray, seen: "_Seen") -> np.ndarray:
        """The parts of many rows."""
        out = np.empty((len(self.terms), len(x)))
        for number, part in self._looked_up(x, seen):
            out[number] = part
        return out.T

    def _looked_up(self, x: np.ndarray, seen: "_Seen") -> Iterator[tuple[int, np.ndarray]]:
        """(number of the term, its parts): each feature is placed once among all its cuts, each table looks that up."""
        placed = {index: self._placed(x, index, grid) for index, grid in seen.grids.items()}
        for number, term in enumerate(self.terms):
            sides = seen.sides[number]
            if len(term.inputs) == 1:
                place = placed[term.inputs[0]]
            else:
                place = sides[0].take(placed[term.inputs[0]], mode="clip")
                place += sides[1].take(placed[term.inputs[1]], mode="clip")
            yield number, seen.flat[number].take(place, mode="clip")

    def _placed(self, x: np.ndarray, index: int, grid: Grid | None) -> np.ndarray:
        value = given(self.inputs[index], x)
        return _codes(self.inputs[index], value) if grid is None else grid.bins(value)

    def bins(self, x: np.ndarray, term: Term, side: int) -> np.ndarray:
        """Which bin of a table each row falls in, (n,) intp; the last bin is "not known"."""
        one, cuts = self.inputs[term.inputs[side]], term.cuts[side]
        value = given(one, x)
        if one.column.kind == CATEGORY:
            return _codes(one, value)
        return np.where(np.isnan(value), len(cuts) + 1, np.searchsorted(cuts, value, side="left"))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What scoring many rows prepares once.

    grids  for each feature in use all its cuts with a grid, None for a category
    sides  for each table of two features and each of them: from the bin among all cuts to the bin of this table, times
           the stride of that side · flat  the tables in one dimension, those of one feature over all its cuts
    """

    grids: dict[int, Grid | None]
    sides: list[list[np.ndarray]]
    flat: list[np.ndarray]

    @classmethod
    def of(cls, model: Model) -> "_Seen":
        every: dict[int, list[np.ndarray]] = {}
        for term in model.terms:
            for index, cuts in zip(term.inputs, term.cuts, strict=True):
                every.setdefault(index, []).append(cuts)
        grids = {
            index: None if model.inputs[index].column.kind == CATEGORY else Grid.of(np.unique(np.concatenate(cuts)))
            for index, cuts in every.items()
        }
        sides, flat = [], []
        for term in model.terms:
            strides = (term.values.shape[1], 1) if len(term.inputs) == 2 else (1,)
            found = [
                stride * _lookup(grids[index], cuts, bins)
                for index, cuts, bins, stride in zip(term.inputs, term.cuts, term.values.shape, strides, strict=True)
            ]
            sides.append(found)
            flat.append(term.values.reshape(-1) if len(found) == 2 else term.values[found[0]])
        return cls(grids, sides, flat)


def _lookup(grid: Grid | None, cuts: np.ndarray, bins: int) -> np.ndarray:
    """From each bin among all cuts (or each code of a category) to the bin of one table."""
    if grid is None:
        return np.arange(bins)
    inner = np.searchsorted(cuts, np.append(grid.cuts, np.inf), side="left")
    return np.append(inner, len(cuts) + 1).astype(np.intp)


def _codes(one: Input, value: np.ndarray) -> np.ndarray:
    """The level of each row, or one past the last for what is not known."""
    last = len(one.column.levels)
    unknown = np.isnan(value) | (value < 0) | (value >= last)
    return np.where(unknown, last, np.where(unknown, 0, value).astype(np.intp))


def _by_rows(x: np.ndarray, width: int, compute: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Run in blocks that stay in cache, so that memory does not grow with intermediate columns."""
    if len(x) <= ROWS:
        return compute(x)
    out = np.empty((len(x), width))
    for start in range(0, len(x), ROWS):
        out[start : start + ROWS] = compute(x[start : start + ROWS])
    return out


def _chosen(value: np.ndarray, choice: np.ndarray) -> np.ndarray:
    if value.shape[1] == 0:
        return np.zeros(len(value))
    found = np.take_along_axis(value, np.maximum(choice, 0)[:, None].astype(np.intp), axis=1)[:, 0]
    return np.where(choice >= 0, found, 0.0)
