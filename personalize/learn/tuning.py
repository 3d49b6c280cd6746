"""How the trees should grow on these rows: how strong the brakes, how many rounds, by held-out log-loss."""

from dataclasses import replace

import numpy as np

from personalize.decide import score
from personalize.learn import calibration, tables
from personalize.learn.rows import Rows, folds, inputs_of
from personalize.learn.tables import Settings

# Many features that say much together: each split sees few of them. Then fewer features; then weak signals.
CANDIDATES = (
    Settings(rate=0.04, leaves=16, ridge=5.0, smallest_leaf=10, share=0.2),
    Settings(rate=0.07, leaves=16, ridge=5.0, smallest_leaf=20),
    Settings(rate=0.07, leaves=6, ridge=30.0, smallest_leaf=60),
)
MOST_ROUNDS, EVERY = 600, 20
TRIED_FOLDS = 2
TUNING_ROWS = 40_000


def tuned(rows: Rows, *, seed: int, monotone: tuple[tuple[str, int], ...] = ()) -> Settings:
    """The settings with the smallest log-loss on two held-out fifths, shuffled; pairs are chosen anew in each fit."""
    if len(rows.y) > TUNING_ROWS:
        rows = rows.some(np.random.default_rng(seed).permutation(len(rows.y))[:TUNING_ROWS])
    curves = np.zeros((len(CANDIDATES), MOST_ROUNDS // EVERY))
    for test in folds(rows.y, seed)[:TRIED_FOLDS]:
        train = np.ones(len(rows.y), bool)
        train[test] = False
        part, unseen = rows.some(train), rows.some(test)
        inputs, pairs = tables.strongest(inputs_of(part), part.x, part.y, seed=seed)
        for number, candidate in enumerate(CANDIDATES):
            settings = replace(candidate, rounds=MOST_ROUNDS, pairs=pairs, monotone=monotone)
            grown = tables.grow(inputs, part.x, part.y, settings=settings, seed=seed)
            losses = [
                calibration.log_loss(unseen.y, score.probability(one))
                for one in grown.staged(tables.shown(inputs, grown.ranks, unseen.x), every=EVERY)
            ]
            curves[number] += losses
    best, step = np.unravel_index(int(np.argmin(curves)), curves.shape)
    return replace(CANDIDATES[int(best)], rounds=EVERY * (int(step) + 1), monotone=monotone)
