"""What each candidate of a slot is worth, and to whom, on top of what a client would do anyway."""

from dataclasses import dataclass, replace

import numpy as np

from personalize.decide import score
from personalize.decide.design import Input, design
from personalize.decide.score import Model
from personalize.learn import calibration, linear
from personalize.learn.rows import Rows, folds

SLOT_PENALTIES = (30.0, 100.0, 300.0, 1_000.0, 10_000.0)
OFFSET_SHARE = 0.1  # an offset's penalty as a share of that of its interactions: main effects emerge first


def fitted(model: Model, rows: Rows, known: np.ndarray, seed: int) -> tuple[Model, np.ndarray]:
    """Add what each candidate is worth, and to whom, on top of the held-out log-odds `known`.

    Offsets and weights have normal priors around 0, so a candidate with few rows stays near the average; how tight
    the prior is, held-out log-loss decides (empirical Bayes by cross-validation).
    """
    y, spec = rows.y, _Slots(model.inputs, rows)
    losses, guesses = [], []
    for penalty in SLOT_PENALTIES:
        guess = np.empty(len(y))
        for test in folds(y, seed + 2):
            train = np.ones(len(y), bool)
            train[test] = False
            guess[test] = known[test] + spec.fitted(rows.some(train), known[train], penalty).added(rows.some(test))
        guesses.append(guess)
        losses.append(calibration.log_loss(y, score.probability(guess)))
    best = int(np.argmin(losses))
    if losses[best] >= calibration.log_loss(y, score.probability(known)):
        # Nothing that candidates do could be shown: keep them equal rather than learn noise.
        return spec.model(model, 0.0, np.zeros(spec.width)), known
    found = spec.fitted(rows, known, SLOT_PENALTIES[best])
    return spec.model(model, found.intercept, found.weight), guesses[best]


@dataclass(frozen=True, slots=True)
class _Part:
    """Weights of the slots, ready to score rows."""

    slots: "_Slots"
    intercept: float
    weight: np.ndarray

    def added(self, rows: Rows) -> np.ndarray:
        return self.slots.columns(rows, slice(0, len(rows.y))) @ self.weight + self.intercept


class _Slots:
    """The design of candidates: for every candidate of every slot one column for itself and one a client column.

    A slot with one candidate has no columns: everybody got it, so it can explain nothing.
    """

    def __init__(self, inputs: tuple[Input, ...], rows: Rows) -> None:
        self.inputs = inputs
        self.names, self.candidates = rows.slots, rows.candidates
        self.each = 1 + sum(one.width for one in inputs)
        self.starts = np.cumsum([0, *(len(one) * self.each if len(one) > 1 else 0 for one in rows.candidates)])
        self.width = int(self.starts[-1])

    def columns(self, rows: Rows, at: slice) -> np.ndarray:
        client = np.column_stack([np.ones(len(rows.y[at])), design(self.inputs, rows.x[at])])
        out = np.zeros((len(client), self.width))
        assert rows.choice is not None
        for number in np.flatnonzero(np.diff(self.starts)):
            chosen = rows.choice[at, number]
            for candidate in range(len(self.candidates[number])):
                mine = chosen == candidate
                first = self.starts[number] + candidate * self.each
                out[mine, first : first + self.each] = client[mine]
        return out

    def fitted(self, rows: Rows, known: np.ndarray, penalty: float) -> _Part:
        penalties = np.full(self.width, penalty)
        penalties[:: self.each] = penalty * OFFSET_SHARE
        found = linear.fit(lambda at: self.columns(rows, at), rows.y, penalties, offset=known)
        return _Part(self, found.intercept, found.weight)

    def model(self, model: Model, intercept: float, weight: np.ndarray) -> Model:
        """The model with these slots; the intercept is what no candidate at all is worth against the average."""
        offsets, weights = [], []
        for number, candidates in enumerate(self.candidates):
            block = weight[self.starts[number] : self.starts[number + 1]]
            block = block.reshape(len(candidates), self.each) if len(block) else np.zeros((len(candidates), self.each))
            offsets.append(block[:, 0].copy())
            weights.append(block[:, 1:].copy())
        return replace(
            model,
            base=model.base + intercept,
            slots=self.names,
            candidates=self.candidates,
            offsets=tuple(offsets),
            weights=tuple(weights),
        )
