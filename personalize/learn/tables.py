"""The glass-box: boosted trees whose paths look at one or two features, rewritten exactly as small tables."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from personalize.decide.design import Input, given
from personalize.decide.features import CATEGORY
from personalize.decide.score import Model, Term
from personalize.learn.rows import Rows, inputs_of

PURIFY_STEPS = 50
MOST_INPUTS, PAIRED, MOST_PAIRS = 60, 20, 48
SCREEN_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Settings:
    """How the trees grow.

    pairs      the pairs of inputs that may meet in a tree; None: the strongest, found first
    monotone   (feature code, 1 or -1): the log-odds may only rise, or only fall, with this number
    seeds      fits with different random columns; the tables are their mean
    most_rows  trees grow on a random part of the rows where there are more
    """

    rounds: int = 300
    rate: float = 0.07
    leaves: int = 16
    bins: int = 255
    share: float = 0.5
    ridge: float = 5.0
    smallest_leaf: int = 20
    pairs: tuple[tuple[int, int], ...] | None = None
    monotone: tuple[tuple[str, int], ...] = ()
    seeds: int = 1
    most_rows: int = 100_000


SCREEN = Settings(rounds=120, rate=0.1, bins=64, smallest_leaf=40, ridge=10.0)


@dataclass(frozen=True, slots=True)
class Grown:
    """Fitted trees, and the order in which they see the levels of each category (None for numbers)."""

    trees: tuple[HistGradientBoostingClassifier, ...]
    ranks: tuple[np.ndarray | None, ...]

    def log_odds(self, seen: np.ndarray) -> np.ndarray:
        """What scikit-learn says of a matrix made by `shown`, (n,): the mean over the fits."""
        with threadpool_limits(1):
            return np.mean([one.decision_function(seen) for one in self.trees], axis=0)

    def staged(self, seen: np.ndarray, *, every: int) -> Iterator[np.ndarray]:
        """`log_odds` of the first fit after each `every` rounds."""
        with threadpool_limits(1):
            for number, one in enumerate(self.trees[0].staged_decision_function(seen), start=1):
                if number % every == 0:
                    yield np.ravel(one)


def fitted(inputs: tuple[Input, ...], x: np.ndarray, y: np.ndarray, *, settings: Settings, seed: int) -> Model:
    """The glass-box of these rows: pairs chosen where the settings name none, trees grown, written out as tables."""
    if len(y) > settings.most_rows:
        some = np.random.default_rng(seed).permutation(len(y))[: settings.most_rows]
        x, y = x[some], y[some]
    if settings.pairs is None:
        inputs, pairs = strongest(inputs, x, y, seed=seed)
        settings = replace(settings, pairs=pairs)
    return compiled(inputs, grow(inputs, x, y, settings=settings, seed=seed), x)


def strongest(
    inputs: tuple[Input, ...], x: np.ndarray, y: np.ndarray, *, seed: int
) -> tuple[tuple[Input, ...], tuple[tuple[int, int], ...]]:
    """The inputs worth reading and the pairs worth a table, by how much they move quickly grown trees.

    At most 60 inputs, and 48 pairs of the 20 strongest of them: what a person can still read.
    """
    if len(y) > SCREEN_ROWS:
        some = np.random.default_rng(seed).permutation(len(y))[:SCREEN_ROWS]
        x, y = x[some], y[some]
    among = tuple(range(len(inputs)))
    if len(inputs) > PAIRED:
        power = _gains(inputs, x, y, seed)
        order = sorted(among, key=lambda one: -power[one])[:MOST_INPUTS]
        kept = sorted(order)
        among = tuple(kept.index(one) for one in order[:PAIRED])
        inputs = tuple(inputs[one] for one in kept)
    pairs = tuple(combinations(sorted(among), 2))
    if len(pairs) > MOST_PAIRS:
        both = compiled(inputs, grow(inputs, x, y, settings=replace(SCREEN, pairs=pairs), seed=seed), x)
        parts = zip(both.terms, both.parts(x).T, strict=True)
        moved = sorted(
            ((float(part.std()), term.inputs) for term, part in parts if len(term.inputs) == 2), reverse=True
        )
        pairs = tuple(sorted((one[0], one[1]) for _, one in moved[:MOST_PAIRS]))
    return inputs, pairs


def _gains(inputs: tuple[Input, ...], x: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """How much each input gained in trees where any inputs may meet, so that those that only matter together show."""
    ranks = tuple(_ranks(one, x, y) for one in inputs)
    with threadpool_limits(1):
        free = HistGradientBoostingClassifier(
            max_iter=SCREEN.rounds, learning_rate=SCREEN.rate, max_leaf_nodes=SCREEN.leaves, max_bins=SCREEN.bins,
            l2_regularization=SCREEN.ridge, min_samples_leaf=SCREEN.smallest_leaf, early_stopping=False,
            random_state=seed,
        ).fit(shown(inputs, ranks, x), y)  # fmt: skip
    total = np.zeros(len(inputs))
    for one in free._predictors:
        nodes = one[0].nodes[one[0].nodes["is_leaf"] == 0]
        np.add.at(total, nodes["feature_idx"].astype(np.intp), nodes["gain"])
    return total


def grow(inputs: Sequence[Input], x: np.ndarray, y: np.ndarray, *, settings: Settings, seed: int) -> Grown:
    """Fit the trees. x (n, F) as `Model` takes it; y (n,) of 0 and 1.

    A category is shown to the trees as the rank of its levels by their (shrunken) success rate: one ordered split then
    finds the best grouping (Fisher 1958), and any number of levels fits.
    """
    ranks = tuple(_ranks(one, x, y) for one in inputs)
    cst = "pairwise" if settings.pairs is None else [set(pair) for pair in settings.pairs] + [
        {number} for number in range(len(inputs))
    ]  # fmt: skip
    directions = dict(settings.monotone)
    monotone = [0 if rank is not None else directions.get(one.column.code, 0)
                for one, rank in zip(inputs, ranks, strict=True)]  # fmt: skip
    seen = shown(inputs, ranks, x)
    trees = []
    # On shared cores the threads of OpenMP wait for each other: one was ten times faster than two.
    with threadpool_limits(1):
        for number in range(settings.seeds):
            one = HistGradientBoostingClassifier(
                max_iter=settings.rounds, learning_rate=settings.rate, max_leaf_nodes=settings.leaves,
                max_bins=settings.bins, max_features=settings.share, l2_regularization=settings.ridge,
                min_samples_leaf=settings.smallest_leaf, interaction_cst=cst, early_stopping=False,
                monotonic_cst=monotone if any(monotone) else None, random_state=seed + 1_000 * number,
            )  # fmt: skip
            trees.append(one.fit(seen, y))
    return Grown(tuple(trees), ranks)


def free(rows: Rows, unseen: np.ndarray, *, seed: int) -> np.ndarray:
    """What trees in which any inputs may meet say of unseen rows: a challenger, never a model of ours."""
    inputs = inputs_of(rows)
    ranks = tuple(_ranks(one, rows.x, rows.y) for one in inputs)
    with threadpool_limits(1):
        trees = HistGradientBoostingClassifier(max_leaf_nodes=16, early_stopping=False, random_state=seed)
        trees.fit(shown(inputs, ranks, rows.x), rows.y)
        return trees.predict_proba(shown(inputs, ranks, unseen))[:, 1]


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
    base, share = 0.0, 1 / len(grown.trees)
    for one in grown.trees:
        base += share * float(np.ravel(one._baseline_prediction)[0])
        for predictor in one._predictors:
            for leaf in _leaves(predictor[0].nodes):
                grouped.setdefault(tuple(sorted(leaf.path)), []).append(replace(leaf, value=share * leaf.value))
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


def _reach(points: list[float], splits: list[Split]) -> tuple[int, int, bool]:
    """Which of the sorted points a path lets through, from one index to before another, and whether "not known"."""
    start, stop, unknown = 0, len(points), True
    for threshold, is_left, unknown_left in splits:
        border = bisect_right(points, threshold)
        if is_left:
            stop = min(stop, border)
        else:
            start = max(start, border)
        unknown &= is_left == unknown_left
    return start, max(start, stop), unknown


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
    cuts: list[np.ndarray] = []
    points: list[list[float]] = []
    for feature in used:
        rank = ranks[feature]
        if rank is not None:
            cuts.append(np.zeros(0))
            points.append(np.arange(len(rank), dtype=np.float64).tolist())
        else:
            at = np.unique([split[0] for leaf in leaves for split in leaf.path[feature]])
            at = at[np.isfinite(at)]
            cuts.append(at)
            # Bin i ends at its cut, inclusive, so the cut itself stands for it; beyond the last, infinity.
            points.append([*at.tolist(), np.inf])
    values = np.zeros(tuple(len(one) + 1 for one in points))
    for leaf in leaves:
        sides = [_reach(one, leaf.path[feature]) for feature, one in zip(used, points, strict=True)]
        for part in product(*(_slices(side, len(one)) for side, one in zip(sides, points, strict=True))):
            values[part] += leaf.value
    for axis, feature in enumerate(used):
        rank = ranks[feature]
        if rank is not None:  # the trees saw ranks; the table is by level
            values = np.take(values, np.append(rank, len(rank)).astype(np.intp), axis=axis)
    return Term(used, tuple(cuts), values)


def _slices(side: tuple[int, int, bool], last: int) -> list[slice]:
    start, stop, unknown = side
    return [slice(start, stop)] + ([slice(last, last + 1)] if unknown else [])


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
