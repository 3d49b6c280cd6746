"""When all clients read, and how alike they are in it: the pool of `personalize.decide.hours`."""

from dataclasses import dataclass

import numpy as np

from personalize.decide.hours import DAY, OWN

LEAST_PAIRS = 1_000  # pairs of one client's readings below which nothing is said of how alike they are
LEAST, MOST = 1.0, 10_000.0
LEAST_READINGS, LEAST_CLIENTS = 500, 50


@dataclass(frozen=True, slots=True)
class Pool:
    """counts (24,) · readings, clients that read · own: clients with enough readings of their own · concentration"""

    counts: np.ndarray
    clients: int
    own: int
    concentration: float

    @property
    def readings(self) -> int:
        """All of them."""
        return int(self.counts.sum())

    @property
    def share(self) -> np.ndarray:
        """By hour, with one reading more in each, so that no hour is impossible: (24,)."""
        return (self.counts + 1.0) / (self.readings + DAY)

    @property
    def phase(self) -> str:
        """rules: too few to say · pooled: one distribution for all · individual: clients have hours of their own."""
        if self.readings < LEAST_READINGS or self.clients < LEAST_CLIENTS:
            return "rules"
        return "individual" if self.own >= LEAST_CLIENTS and self.concentration < MOST else "pooled"


def fit(counts: np.ndarray) -> Pool:
    """The pool of these clients' readings (n, 24).

    Two readings of one client fall into the same hour with probability (1 + k s) / (1 + k), where s = sum of the
    squared shares of the pool and k is the concentration of the Dirichlet that clients' own shares are drawn from. So
    the share of agreeing pairs gives k by the method of moments.
    Source: Mosimann, On the compound multinomial distribution, Biometrika 49 (1962), section 4.
    """
    counts = np.asarray(counts, np.float64)
    each = counts.sum(axis=1)
    # Nobody counts for more than a few hundred pairs: one who reads all day is not what clients are like.
    weight = 1.0 / np.maximum(each / 20, 1.0)
    pairs = float((weight * each * (each - 1)).sum())
    total = counts.sum(axis=0)
    found = MOST
    if pairs >= LEAST_PAIRS:
        agree = float((weight * (counts * (counts - 1)).sum(axis=1)).sum()) / pairs
        alike = float(((total / total.sum()) ** 2).sum())
        if agree > alike:
            found = float(np.clip((1.0 - agree) / (agree - alike), LEAST, MOST))
    return Pool(total, int((each > 0).sum()), int((each >= OWN).sum()), found)
