"""At which hour of their own day a client is written to: when they read, shrunk towards when all do. Numpy only."""

from dataclasses import dataclass

import numpy as np

from personalize.decide import policy

DAY = 24
OWN = 8  # readings from which an hour may be called the client's own
GREED, MOST_GREED = 20.0, 2_000.0


@dataclass(frozen=True, slots=True)
class Book:
    """What is known of when clients read, and the declared rule beside it.

    pool           (24,) share of all readings by local hour, sums to 1
    concentration  how many readings the pool counts as for each client; personalize.learn.hours finds it
    readings       of the pool; 0 while they are too few, and then the rule alone decides
    rule_hour      the declared hour · share_rule in [0, 1) of the clients keep it, so that the effect stays measurable
    """

    pool: np.ndarray
    concentration: float
    readings: int
    rule_hour: int
    share_rule: float

    @property
    def gamma(self) -> float:
        """How greedy to be: 20 sqrt(readings), at most 2,000; see `policy.gamma_for`."""
        return min(GREED * float(self.readings) ** 0.5, MOST_GREED)


@dataclass(frozen=True, slots=True)
class Picked:
    """hour (n,) int, -1 where none is open · chance (n,) of exactly this hour · is_rule (n,) whether the rule chose"""

    hour: np.ndarray
    chance: np.ndarray
    is_rule: np.ndarray


def reads(book: Book, counts: np.ndarray) -> np.ndarray:
    """Each client's share of readings by hour: (n, 24), rows sum to 1.

    counts (n, 24) readings by local hour. Half of a reading counts for its own hour and a quarter for each neighbour;
    then the mean of a Dirichlet posterior with prior `concentration` x `pool`.
    Source: Gelman et al., Bayesian Data Analysis, 3rd ed., section 3.4.
    """
    near = counts / 2 + np.roll(counts, 1, axis=1) / 4 + np.roll(counts, -1, axis=1) / 4
    mine = near.sum(axis=1, keepdims=True)
    return (near + book.concentration * book.pool) / (mine + book.concentration)


def by_rule(book: Book, is_open: np.ndarray) -> np.ndarray:
    """The declared hour, or the first open one after it: (n,), -1 where none is open. is_open (n, 24) bool"""
    order = (book.rule_hour + np.arange(DAY)) % DAY
    turned = is_open[:, order]
    return np.where(turned.any(axis=1), order[turned.argmax(axis=1)], -1)


def chances(book: Book, counts: np.ndarray, is_open: np.ndarray) -> np.ndarray:
    """The probability of every hour (n, 24); rows are all 0 where no hour is open."""
    out = np.zeros(is_open.shape)
    rows, rule = np.arange(len(out)), by_rule(book, is_open)
    share = book.share_rule if book.readings else 1.0
    if book.readings:
        out = (1.0 - share) * policy.chances(reads(book, counts), is_open, gamma=book.gamma)
    some = rule >= 0
    out[rows[some], rule[some]] += share
    return out


def pick(book: Book, counts: np.ndarray, is_open: np.ndarray, *, draw: np.ndarray) -> Picked:
    """Draw an hour for each client by `chances`. draw (n,) in [0, 1): below `share_rule` the rule has it."""
    rule = by_rule(book, is_open)
    share = book.share_rule if book.readings else 1.0
    is_rule = draw < share
    hour = rule.copy()
    if book.readings:
        left = np.clip((draw - share) / (1.0 - share), 0.0, np.nextafter(1.0, 0.0))
        drawn = policy.pick(reads(book, counts), is_open, gamma=book.gamma, draw=left)
        hour = np.where(is_rule, rule, drawn.arm)
    likely = chances(book, counts, is_open)
    return Picked(hour, np.where(hour >= 0, likely[np.arange(len(hour)), np.maximum(hour, 0)], 1.0), is_rule)
