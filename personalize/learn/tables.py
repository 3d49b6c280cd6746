"""The glass-box: boosted trees whose paths look at one or two features, rewritten exactly as small tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from personalize.decide.design import Input, given
from personalize.decide.features import CATEGORY
from personalize.decide.score import Model, Term

PURIFY_STEPS = 50


@dataclass(frozen=True, slots=True)
class Settings:
    """How the trees grow. `pairs` names the pairs of inputs that may meet in a tree; None: all of them."""

    rounds: int = 400
    rate: float = 0.05
    leaves: int = 31
    bins: int = 64
    share: float = 0.5
    ridge: float = 5.0
    smallest_leaf: int = 20
    pairs: tuple[tuple[int, int], ...] | None = None


@dataclass(frozen=True, slots=True)
class Grown:
    """Fitted trees, and the order in which they see the levels of each category (None for numbers)."""

    trees: HistGradientBoostingClassifier
    ranks: tuple[np.ndarray | None, ...]


def grow(inputs: Sequence[Input], x: np.ndarray, y: np.ndarray, *, settings: Settings, seed: int) -> Grown:
    """Fit the trees. x (n, F) as `Model` takes it; y (n,) of 0 and 1.

    A category is shown to the trees as the rank of its levels by their (shrunken) success rate: one ordered split then
    finds the best grouping (Fisher 1958), and any number of levels fits.
    """
    ranks = tuple(_ranks(one, x, y) for one in inputs)
    cst = "pairwise" if settings.pairs is None else [set(pair) for pair in settings.pairs] + [
        {number} for number in range(len(inputs))
    ]  # fmt: skip
    trees = HistGradientBoostingClassifier(
        max_iter=settings.rounds, learning_rate=settings.rate, max_leaf_nodes=settings.leaves,
        max_bins=settings.bins, max_features=settings.share, l2_regularization=settings.ridge,
        min_samples_leaf=settings.smallest_leaf, interaction_cst=cst, early_stopping=False, random_state=seed,
    )  # fmt: skip
    # On shared cores the threads of OpenMP wait for each other: one was ten times faster than two.
    with threadpool_limits(1):
        trees.fit(shown(inputs, ranks, x), y)
    return Grown(trees, ranks)


def shown(inputs: Sequence[Input], ranks: Sequence[np.ndarray | None], x: np.ndarray) -> np.ndarray:
    """The matrix as the trees see it: (n, inputs) float64, ranks for categories, NaN where not known."""
    out = np.empty((len(x), len(inputs)))
    for number, (one, rank) in enumerate(zip(inputs, ranks, strict=True)):
        value = given(one, x)
        if rank is not None:
            known = (value >= 0) & (value < len(rank))
            ranked = np.full(len(value), np.nan)
            ranked[known] = rank[value[known].astype(np.intp)]
            value = ranked
        out[:, number] = value
    return out


def compiled(inputs: tuple[Input, ...], grown: Grown, x: np.ndarray) -> Model:
    """The trees as tables: the same score to rounding, with one-feature effects in one-feature tables.

    x  (n, F) training rows; they say where clients are, which decides what counts as a one-feature effect
    """
    grouped: dict[tuple[int, ...], list[_Leaf]] = {}
    for one in grown.trees._predictors:
        for leaf in _leaves(one[0].nodes):
            grouped.setdefault(tuple(sorted(leaf.path)), []).append(leaf)
    base = float(np.ravel(grown.trees._baseline_prediction)[0])
    base += sum(leaf.value for leaf in grouped.pop((), []))
    terms = [_term(inputs, grown.ranks, used, leaves) for used, leaves in sorted(grouped.items())]
    model = Model("tables", base, inputs, np.zeros(0), tuple(terms), (), (), (), ())
    return purified(model, x)


Split = tuple[float, bool, bool]  # threshold, whether the path goes left, whether "not known" goes left


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A leaf's value and the splits on the way to it, by feature: at most two features on any path."""

    value: float
    path: dict[int, list[Split]]


def _leaves(nodes: np.ndarray) -> list[_Leaf]:
    """Every leaf of a tree. A tree may look at many features, but no path at more than two."""
    found: list[_Leaf] = []
    open_nodes: list[tuple[int, dict[int, list[Split]]]] = [(0, {})]
    while open_nodes:
        number, path = open_nodes.pop()
        node = nodes[number]
        if node["is_leaf"]:
            if len(path) > 2:
                raise ValueError(f"a path looks at {len(path)} features; a table can hold two")
            found.append(_Leaf(float(node["value"]), path))
            continue
        feature = int(node["feature_idx"])
        for side, is_left in (("left", True), ("right", False)):
            split = (float(node["num_threshold"]), is_left, bool(node["missing_go_to_left"]))
            open_nodes.append((int(node[side]), {**path, feature: [*path.get(feature, []), split]}))
    return found


def _inside(points: np.ndarray, splits: list[Split]) -> np.ndarray:
    """Which points a path lets through, (n,) float64 of 0 and 1."""
    unknown, inside = np.isnan(points), np.ones(len(points), bool)
    for threshold, is_left, unknown_left in splits:
        left = np.where(unknown, unknown_left, points <= threshold)
        inside &= left == is_left
    return inside.astype(np.float64)


def _ranks(one: Input, x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    """The rank of each level of a category by success rate, shrunk by ten average rows; None for a number."""
    if one.column.kind != CATEGORY:
        return None
    value, levels = given(one, x), len(one.column.levels)
    known = (value >= 0) & (value < levels)
    codes = value[known].astype(np.intp)
    n, successes = np.bincount(codes, minlength=levels), np.bincount(codes, y[known], levels)
    rate = (successes + 10 * y.mean()) / (n + 10)
    rank = np.empty(levels)
    rank[np.argsort(rate, kind="stable")] = np.arange(levels)
    return rank


def _term(
    inputs: tuple[Input, ...], ranks: Sequence[np.ndarray | None], used: tuple[int, ...], leaves: list[_Leaf]
) -> Term:
    """The leaves over the same features as one table over all their thresholds."""
    cuts, points = [], []
    for feature in used:
        rank = ranks[feature]
        if rank is not None:
            cuts.append(np.zeros(0))
            points.append(np.append(rank, np.nan))
        else:
            at = np.unique([split[0] for leaf in leaves for split in leaf.path[feature]])
            at = at[np.isfinite(at)]
            cuts.append(at)
            # Bin i ends at its cut, inclusive, so the cut itself stands for it; beyond the last, infinity.
            points.append(np.concatenate([at, [np.inf, np.nan]]))
    values = np.zeros(tuple(len(one) for one in points))
    for leaf in leaves:
        inside = [_inside(one, leaf.path[feature]) for feature, one in zip(used, points, strict=True)]
        values += leaf.value * (inside[0] if len(used) == 1 else np.outer(*inside))
    return Term(used, tuple(cuts), values)


def purified(model: Model, x: np.ndarray) -> Model:
    """The same scores with every table centred on the rows x, and one-feature effects moved out of pairs.

    Without it a pair's table could hide what belongs to one feature, and explanations would depend on luck.
    Source: Lengerich, Tan, Chang, Hooker, Caruana, Purifying Interaction Effects, AISTATS 2020.
    """
    singles = {term.inputs[0]: term for term in model.terms if len(term.inputs) == 1}
    pairs, base = [], model.base
    moved: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
    for term in (one for one in model.terms if len(one.inputs) == 2):
        rows, columns = model.bins(x, term, 0), model.bins(x, term, 1)
        height, width = term.values.shape
        weight = np.bincount(rows * width + columns, minlength=height * width).reshape(height, width)
        values, effects = _centred(term.values, weight.astype(np.float64))
        pairs.append(Term(term.inputs, term.cuts, values))
        for feature, cuts, effect in zip(term.inputs, term.cuts, effects, strict=True):
            moved.setdefault(feature, []).append((cuts, effect))
    alone = []
    for feature in sorted({*singles, *moved}):
        parts = [(singles[feature].cuts[0], singles[feature].values)] if feature in singles else []
        term = _joined(model.inputs[feature], feature, parts + moved.get(feature, []))
        bins = np.bincount(model.bins(x, term, 0), minlength=len(term.values))
        mean = float(term.values @ bins / max(len(x), 1))
        alone.append(Term(term.inputs, term.cuts, term.values - mean))
        base += mean
    return Model(
        model.method, base, model.inputs, model.weight, (*alone, *pairs), model.slots, model.candidates,
        model.offsets, model.weights,
    )  # fmt: skip


def _centred(values: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """A pair's table with weighted row and column means of 0, and what was taken out of rows and of columns."""
    left, effects = values.copy(), (np.zeros(values.shape[0]), np.zeros(values.shape[1]))
    for _ in range(PURIFY_STEPS):
        largest = 0.0
        for axis in (0, 1):
            total = weight.sum(axis=1 - axis)
            mean = np.divide((left * weight).sum(axis=1 - axis), total, out=np.zeros_like(total), where=total > 0)
            effects[axis][:] += mean
            left -= mean[:, None] if axis == 0 else mean[None, :]
            largest = max(largest, float(np.abs(mean).max()))
        if largest < 1e-12:
            break
    return left, effects


def _joined(one: Input, feature: int, parts: list[tuple[np.ndarray, np.ndarray]]) -> Term:
    """Several one-feature tables as one, over all their cuts."""
    if one.column.kind == CATEGORY:
        return Term((feature,), (np.zeros(0),), np.sum([values for _, values in parts], axis=0))
    cuts = np.unique(np.concatenate([at for at, _ in parts]))
    points = np.append(cuts, np.inf)
    total = np.zeros(len(points) + 1)
    for at, values in parts:
        total[:-1] += values[np.searchsorted(at, points, side="left")]
        total[-1] += values[-1]
    return Term((feature,), (cuts,), total)
