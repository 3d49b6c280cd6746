"""What is particular to one client: small offsets of the open head, more certain with every mail. Numpy only."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(slots=True)
class Habits:
    """Each client's own intercept and level offsets: mean and variance (clients, 1 + L) float32.

    A prior variance for the intercept and one for levels, both learnt from all clients.
    """

    clients: int
    levels: int
    mean: np.ndarray = field(init=False)
    variance: np.ndarray = field(init=False)
    prior: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        """Nobody is particular yet."""
        self.prior = np.r_[0.1, np.full(self.levels, 0.03)].astype(np.float32)
        self.mean = np.zeros((self.clients, 1 + self.levels), np.float32)
        self.variance = np.tile(self.prior, (self.clients, 1))

    def grow(self, clients: int) -> None:
        """Room for more clients."""
        more = clients - len(self.mean)
        if more > 0:
            self.mean = np.concatenate([self.mean, np.zeros((more, 1 + self.levels), np.float32)])
            self.variance = np.concatenate([self.variance, np.tile(self.prior, (more, 1))])

    def of(self, client: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """The sum of what is particular to these clients at these levels (n, B): (n,)."""
        return self.mean[client, 0] + self.mean[client[:, None], levels + 1].sum(axis=1)

    def learn(self, client: np.ndarray, levels: np.ndarray, predicted: np.ndarray, y: np.ndarray) -> None:
        """Move each client's offsets by one result: an extended Kalman step with a diagonal belief.

        predicted (n,) log-odds without the offsets. A client that occurs twice is taken in turn.
        """
        left = np.arange(len(client))
        while len(left):
            _, first = np.unique(client[left], return_index=True)
            self._learn(client[left[first]], levels[left[first]], predicted[left[first]], y[left[first]])
            left = np.delete(left, first)

    def _learn(self, client: np.ndarray, levels: np.ndarray, predicted: np.ndarray, y: np.ndarray) -> None:
        columns = np.concatenate([np.zeros((len(client), 1), np.intp), levels + 1], axis=1)
        at = (client[:, None], columns)
        mean, variance = self.mean[at], self.variance[at]
        p = 1 / (1 + np.exp(-np.clip(predicted + mean.sum(axis=1), -30, 30)))
        bend = np.maximum(p * (1 - p), 1e-4)
        room = 1 + bend * variance.sum(axis=1)
        self.mean[at] = mean + variance * ((y - p) / room)[:, None]
        self.variance[at] = variance - variance**2 * (bend / room)[:, None]

    def shrink(self) -> None:
        """Learn the two prior variances from clients with results, and shrink everybody's offsets anew."""
        known = self.variance < self.prior * 0.999
        new = self.prior.copy()
        for part in (slice(0, 1), slice(1, None)):
            mine = known[:, part]
            if mine.sum() >= 50:
                size = (self.mean[:, part] ** 2 + self.variance[:, part])[mine].mean()
                new[part] = np.clip(size, 1e-4, 1.0)
        told = np.maximum(1 / self.variance - 1 / self.prior, 0.0)
        pull = self.mean / self.variance
        self.variance = (1 / (told + 1 / new)).astype(np.float32)
        self.mean = (pull * self.variance).astype(np.float32)
        self.prior = new
