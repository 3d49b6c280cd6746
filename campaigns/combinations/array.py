"""Covering arrays: a few rows in which every pair of levels that can meet stands at least once. Pure.

A factor is a slot, a level one of its candidates. Pairs are kept as one bool matrix for every two factors i < j.
"""

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

Pairs = dict[tuple[int, int], np.ndarray]
Row = tuple[int, ...]
TRIES = 40
# Irreducible polynomials over GF(p), lowest coefficient first, for the fields of prime-power order that we use.
FIELDS = {2: (2, ()), 3: (3, ()), 4: (2, (1, 1, 1)), 5: (5, ()), 7: (7, ()), 8: (2, (1, 1, 0, 1)), 9: (3, (1, 0, 1)),
          11: (11, ()), 13: (13, ()), 16: (2, (1, 1, 0, 0, 1))}  # fmt: skip


def every(levels: Sequence[int]) -> Pairs:
    """All pairs of levels of different factors."""
    return {(i, j): np.ones((levels[i], levels[j]), bool) for i, j in combinations(range(len(levels)), 2)}


def count(pairs: Pairs) -> int:
    """How many pairs there are."""
    return int(sum(one.sum() for one in pairs.values()))


def build(
    levels: Sequence[int],
    *,
    wanted: Pairs | None = None,
    possible: Callable[[Row], bool] | None = None,
    allowed: Pairs | None = None,
    seed: int = 0,
) -> tuple[list[Row], Pairs]:
    """Rows that cover every wanted pair that some possible row has; and the wanted pairs that no such row has.

    wanted    pairs to cover; None: all · allowed  pairs that may meet; None: all
    possible  whether a whole row can occur, beyond its pairs; None: always

    The shorter of two builders: an orthogonal array of the next prime-power order with the surplus levels fused
    (only when nothing is excluded and all is wanted), and greedy rows.
    Sources: Bush, Orthogonal arrays of index unity, Ann. Math. Stat. 23, 1952; Colbourn, Strength two covering arrays:
    existence tables and projection, Discrete Mathematics 308, 2008; Cohen et al., The AETG system, IEEE TSE 23, 1997.
    """
    if len(levels) < 2 or any(one < 1 for one in levels):
        return [], {}
    is_plain = wanted is None and allowed is None and possible is None
    found, never = _greedy(levels, wanted or every(levels), allowed, possible, np.random.default_rng(seed))
    if is_plain and (better := _orthogonal(levels)) and len(better) < len(found):
        found = better
    return _without_surplus(found, wanted or every(levels), never), never


def covered_by(rows: Sequence[Row], levels: Sequence[int]) -> Pairs:
    """The pairs that stand in the rows."""
    made = {pair: np.zeros_like(one) for pair, one in every(levels).items()}
    for row in rows:
        for i, j in made:
            made[i, j][row[i], row[j]] = True
    return made


def reachable(levels: Sequence[int], *, allowed: Pairs, possible: Callable[[Row], bool] | None = None) -> Pairs:
    """The allowed pairs of which some whole possible row has both: two that fit may lack a third that fits both."""
    found = {pair: np.zeros_like(one) for pair, one in allowed.items()}
    for (i, j), open_ in allowed.items():
        for a, b in np.argwhere(open_):
            if found[i, j][a, b]:
                continue
            row = _search(levels, {i: int(a), j: int(b)}, allowed, possible)
            if row is not None:
                for x, y in found:
                    found[x, y][row[x], row[y]] = True
    return found


def _greedy(
    levels: Sequence[int],
    wanted: Pairs,
    allowed: Pairs | None,
    possible: Callable[[Row], bool] | None,
    rng: np.random.Generator,
) -> tuple[list[Row], Pairs]:
    """Row by row, each the best of some tries that start from an uncovered pair and add what covers most."""
    left = {pair: one.copy() for pair, one in wanted.items()}
    never = {pair: np.zeros_like(one) for pair, one in left.items()}
    if allowed is not None:
        for pair, one in left.items():
            never[pair] |= one & ~allowed[pair]
            one &= allowed[pair]
    rows: list[Row] = []
    while count(left):
        i, j = max(left, key=lambda pair: left[pair].sum())
        options = np.argwhere(left[i, j])
        best, gain = None, 0
        for _ in range(TRIES):
            a, b = options[rng.integers(len(options))]
            row = _complete(levels, {i: int(a), j: int(b)}, left, allowed, possible, rng)
            if row is not None and (new := _gain(row, left)) > gain:
                best, gain = row, new
                if new == len(left):
                    break
        if best is None:
            a, b = options[0]
            best = _search(levels, {i: int(a), j: int(b)}, allowed, possible)
            if best is None:
                left[i, j][a, b], never[i, j][a, b] = False, True
                continue
        rows.append(best)
        for x, y in left:
            left[x, y][best[x], best[y]] = False
    return rows, never


def _complete(
    levels: Sequence[int],
    start: dict[int, int],
    left: Pairs,
    allowed: Pairs | None,
    possible: Callable[[Row], bool] | None,
    rng: np.random.Generator,
) -> Row | None:
    """A row from the start, each further factor at the level that covers most of what is left; None at a dead end."""
    row = dict(start)
    for factor in rng.permutation([one for one in range(len(levels)) if one not in start]).tolist():
        score = rng.random(levels[factor]) * 0.5
        for other, level in row.items():
            score += _line(left, factor, other, level)
            if allowed is not None:
                score[~_line(allowed, factor, other, level)] = -np.inf
        if not np.isfinite(score).any():
            return None
        row[factor] = int(score.argmax())
    made = tuple(row[one] for one in range(len(levels)))
    return made if possible is None or possible(made) else None


def _line(pairs: Pairs, factor: int, other: int, level: int) -> np.ndarray:
    """For every level of `factor` whether its pair with that level of `other` is among the pairs."""
    return pairs[factor, other][:, level] if factor < other else pairs[other, factor][level]


def _gain(row: Row, left: Pairs) -> int:
    return sum(int(one[row[i], row[j]]) for (i, j), one in left.items())


def _search(
    levels: Sequence[int], start: dict[int, int], allowed: Pairs | None, possible: Callable[[Row], bool] | None
) -> Row | None:
    """Any possible row with this start, by depth-first search; None when there is none."""
    factor = next((one for one in range(len(levels)) if one not in start), None)
    if factor is None:
        row = tuple(start[one] for one in range(len(levels)))
        good = allowed is None or all(bool(one[row[i], row[j]]) for (i, j), one in allowed.items())
        return row if good and (possible is None or possible(row)) else None
    for level in range(levels[factor]):
        if allowed is None or all(_line(allowed, factor, other, held)[level] for other, held in start.items()):
            found = _search(levels, {**start, factor: level}, allowed, possible)
            if found is not None:
                return found
    return None


def _orthogonal(levels: Sequence[int]) -> list[Row]:
    """q² rows of the smallest field that fits, surplus levels fused away; [] when none of ours fits."""
    order = next((q for q in sorted(FIELDS) if q >= max(levels) and q >= len(levels) - 1), None)
    if order is None:
        return []
    add, times = _field(order)
    rows = [
        tuple([int(add[i, times[m, j]]) for m in range(min(order, len(levels)))] + [j] * (len(levels) > order))
        for i in range(order)
        for j in range(order)
    ]
    # Every row may be renamed to the surplus level; the first is, so that nothing of it is left to read.
    top = order - 1
    first = rows[0]
    renamed = [
        tuple(top if one == first[factor] else first[factor] if one == top else one for factor, one in enumerate(row))
        for row in rows
    ]
    return _filled(renamed, levels)


def _filled(rows: Sequence[Row], levels: Sequence[int]) -> list[Row]:
    """Rows with surplus levels replaced by whatever is not covered yet; rows that add nothing are left out."""
    left = every(levels)
    kept: list[Row] = []
    real = [[one if one < levels[factor] else -1 for factor, one in enumerate(row)] for row in rows]
    real.sort(key=lambda row: row.count(-1))
    for row in real:
        for factor in [one for one, level in enumerate(row) if level < 0]:
            score = np.zeros(levels[factor])
            for other, level in enumerate(row):
                if other != factor and level >= 0:
                    score += _line(left, factor, other, level)
            row[factor] = int(score.argmax())
        made = tuple(row)
        if _gain(made, left):
            kept.append(made)
            for i, j in left:
                left[i, j][made[i], made[j]] = False
    return kept if not count(left) else []


def _field(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Addition and multiplication tables of the field of that order."""
    prime, modulus = FIELDS[order]
    if not modulus:
        numbers = np.arange(order)
        return (numbers[:, None] + numbers) % prime, (numbers[:, None] * numbers) % prime
    degree = len(modulus) - 1
    digits = [[number // prime**place % prime for place in range(degree)] for number in range(order)]

    def number(polynomial: Sequence[int]) -> int:
        return sum(one * prime**place for place, one in enumerate(polynomial))

    add, times = np.zeros((order, order), int), np.zeros((order, order), int)
    for a, x in enumerate(digits):
        for b, y in enumerate(digits):
            add[a, b] = number([(p + q) % prime for p, q in zip(x, y, strict=True)])
            product = [0] * (2 * degree - 1)
            for i, p in enumerate(x):
                for j, q in enumerate(y):
                    product[i + j] = (product[i + j] + p * q) % prime
            for high in range(2 * degree - 2, degree - 1, -1):
                factor = product[high]
                for place, one in enumerate(modulus):
                    product[high - degree + place] = (product[high - degree + place] - factor * one) % prime
            times[a, b] = number(product[:degree])
    return add, times


def _without_surplus(rows: list[Row], wanted: Pairs, never: Pairs) -> list[Row]:
    """The rows without those whose wanted pairs all stand in others too."""
    need = {pair: one & ~never[pair] if never else one for pair, one in wanted.items()}
    times = {pair: np.zeros(one.shape, int) for pair, one in need.items()}
    for row in rows:
        for i, j in times:
            times[i, j][row[i], row[j]] += 1
    kept = []
    for row in reversed(rows):
        if all(not one[row[i], row[j]] or times[i, j][row[i], row[j]] > 1 for (i, j), one in need.items()):
            for i, j in times:
                times[i, j][row[i], row[j]] -= 1
        else:
            kept.append(row)
    return kept[::-1]
