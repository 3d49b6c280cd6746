"""One head's belief: a normal posterior over factored weights, moved by damped Newton steps. Numpy only.

Never accumulate Phi'Wz with z from an older mean: that diverges without a sign of it on large populations. Here each
batch finds the exact minimum of its own loss around the last belief, and no step may raise the loss.
"""

from dataclasses import dataclass, field

import numpy as np

from personalize.decide.funnel import SCALES, Layout, Weights

STEPS = 8
FORGET = 0.999
# Prior variances before any data, of all columns together where there are many: what is rare starts pooled.
FIRST = {"one": 25.0, "base": 0.5, "level": 0.1, "own": 0.2, "repeat": 0.05}
EM_STEPS = 3
FEWEST, MOST = 1e-6, 4.0  # bounds of a learnt prior variance, but for the intercept's
PULL = 6.0  # how many weights' worth of evidence a feature's own variance is pulled to its kind's by
RAREST = 8.0  # log-odds: less often than once in 3,000 is not told apart
LARGEST = 10.0  # no weight may pass this; one that does is a fault of the data, and the batch is left out


@dataclass(frozen=True, slots=True)
class Batch:
    """n results.

    u (n, U) · variant (n,) what was shown · repeat (n, B, len(SCALES)) how lately its levels were had
    y (n,) in [0, 1] for log-odds, any number for a linear head · known (n,) part of the predictor fixed beforehand
    """

    u: np.ndarray
    variant: np.ndarray
    repeat: np.ndarray
    y: np.ndarray
    known: np.ndarray


@dataclass(slots=True)
class Posterior:
    """Mean and information of one head's weights, in the order repeat, base, own level by level.

    mean (D,) · info (D, D) of the data, without the prior · variance (D,) of the prior, whose mean is 0
    first  how much of the usual prior variances this head starts from · noise  of a linear head
    """

    layout: Layout
    columns: int
    logistic: bool
    first: float = 1.0
    mean: np.ndarray = field(init=False)
    info: np.ndarray = field(init=False)
    variance: np.ndarray = field(init=False)
    noise: float = 0.1
    seen: int = 0

    def __post_init__(self) -> None:
        """Start from the prior."""
        levels = len(self.layout.block)
        many = max(self.columns - 1, 1)
        own = np.tile(np.r_[FIRST["level"], np.full(self.columns - 1, FIRST["own"] / many)], levels)
        base = np.r_[FIRST["one"], np.full(self.columns - 1, FIRST["base"] / many)]
        self.variance = self.first * np.concatenate([np.full(self._repeats, FIRST["repeat"]), base, own])
        self.variance[self._repeats] = FIRST["one"]
        self.mean = np.zeros(len(self.variance))
        self.info = np.zeros((len(self.variance), len(self.variance)))

    @property
    def _repeats(self) -> int:
        return self.layout.levels.shape[1] * len(SCALES)

    def weights(self) -> Weights:
        """The mean as the scoring side reads it."""
        start, end = self._repeats, self._repeats + self.columns
        own = self.mean[end:].reshape(-1, self.columns).T
        return Weights(self.mean[start:end].copy(), own.copy(), self.mean[:start].reshape(-1, len(SCALES)).copy())

    def unsure(self) -> np.ndarray:
        """How much of what is believed of each level is still the prior: (L,), 1 before any result, then towards 0."""
        at = self._repeats + self.columns * (1 + np.arange(len(self.layout.block)))
        prior = 1.0 / self.variance[at]
        return prior / (prior + np.maximum(self.info.diagonal()[at], 0.0))

    def learn(self, batch: Batch) -> bool:
        """Move the belief by a batch; False when there was nothing to learn or the batch would have broken it."""
        if not len(batch.y):
            return False
        rows = _Grouped.of(self.layout, batch)
        if self.logistic and not self.seen:
            share = np.clip((batch.y.sum() + 0.5) / (len(batch.y) + 1.0), 1e-4, 1 - 1e-4)
            self.mean[self._repeats] = np.log(share / (1 - share))
        prior = FORGET * self.info
        np.fill_diagonal(prior, prior.diagonal() + 1.0 / self.variance)
        # The intercept's prior has its mean where the first batch put it: it has next to no weight.
        mean, info = (self._newton if self.logistic else self._exact)(rows, prior)
        if self.logistic:  # what was never seen to happen is rare, not impossible
            mean[self._repeats] = np.clip(mean[self._repeats], -RAREST, RAREST)
        if not np.isfinite(mean).all() or np.abs(mean).max() > LARGEST:
            return False
        self.mean, self.info = mean, FORGET * self.info + info
        self.seen += len(batch.y)
        return True

    def _newton(self, rows: "_Grouped", prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        start, mean = self.mean, self.mean
        z = rows.predict(mean)
        loss = _loss(rows, z)
        info = None
        for _ in range(STEPS):
            p = 1.0 / (1.0 + np.exp(-np.clip(z, -30, 30)))
            bend = np.maximum(p * (1 - p), 1e-6)
            pull = prior @ (mean - start) + rows.gather(p - rows.y)
            info = rows.information(bend)
            step = _solve(prior + info, pull)
            size, moved = 1.0, z
            while size > 1e-3:
                trial = mean - size * step
                moved = rows.predict(trial)
                away = trial - start
                now = _loss(rows, moved) + 0.5 * float(away @ prior @ away)
                if now <= loss:
                    break
                size /= 2
            else:
                break
            done = loss - now < 1e-6 * (1 + abs(loss))
            mean, z, loss = trial, moved, now
            if done:
                break
        p = 1.0 / (1.0 + np.exp(-np.clip(z, -30, 30)))
        return mean, rows.information(np.maximum(p * (1 - p), 1e-6))

    def _exact(self, rows: "_Grouped", prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        off = rows.y - rows.predict(self.mean)
        keep = self.seen / (self.seen + len(off)) if self.seen else 0.0
        self.noise = float(np.clip(keep * self.noise + (1 - keep) * np.mean(off**2), 1e-3, 10.0))
        info = rows.information(np.full(len(off), 1.0 / self.noise))
        return self.mean + _solve(prior + info, rows.gather(off) / self.noise), info

    def shrink(self) -> None:
        """Learn the prior's variances from the weights (one EM step), and shrink the weights anew, exactly.

        Source: MacKay, Bayesian Interpolation, 1992; a feature's own variance is pulled to that of its kind.
        """
        if self.seen >= 100:
            for _ in range(EM_STEPS):
                self._shrink()

    def _shrink(self) -> None:
        full = self.info + np.diag(1.0 / self.variance)
        spread = np.linalg.inv(full)
        told = full @ self.mean - self._centre() / self.variance
        size = self.mean**2 + np.maximum(spread.diagonal(), 0.0)
        start, end = self._repeats, self._repeats + self.columns
        variance = self.variance.copy()
        variance[:start] = size[:start].mean()
        variance[start + 1 : end] = size[start + 1 : end].mean()
        own = size[end:].reshape(-1, self.columns)
        kind = own[:, 1:].mean() if self.columns > 1 else 0.0
        each = (own.sum(axis=0) + PULL * kind) / (len(own) + PULL)
        each[0] = own[:, 0].mean()
        variance[end:] = np.tile(each, len(own))
        variance = np.clip(variance, FEWEST, MOST)
        variance[start] = FIRST["one"]
        mean = _solve(self.info + np.diag(1.0 / variance), told + self._centre() / variance)
        if np.isfinite(mean).all() and np.abs(mean).max() <= LARGEST:
            self.mean, self.variance = mean, variance

    def _centre(self) -> np.ndarray:
        """The prior's mean: nothing but the intercept, which is left where it is."""
        centre = np.zeros(len(self.mean))
        centre[self._repeats] = self.mean[self._repeats]
        return centre

    def rescaled(self, turn: np.ndarray) -> None:
        """Speak of new columns u' from now on, where the old u = turn @ u': weights and information exactly so."""
        mean, info, start = self.mean.copy(), self.info, self._repeats
        whole = np.eye(len(mean))
        for at in range(start, len(mean), self.columns):
            here = slice(at, at + self.columns)
            whole[here, here] = turn
        self.mean, self.info = whole.T @ mean, whole.T @ info @ whole


def _solve(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        return np.linalg.solve(a + np.diag(np.full(len(a), 1e-6 + 1e-6 * float(np.abs(a.diagonal()).max()))), b)


def _loss(rows: "_Grouped", z: np.ndarray) -> float:
    return float(np.logaddexp(0.0, z).sum() - rows.y @ z)


@dataclass(frozen=True, slots=True)
class _Grouped:
    """A batch sorted by combination: rows of one share their levels, so that the sparse design is never written out.

    wide (n, R + U): repeat columns, then u · groups [(combination, rows)]
    """

    layout: Layout
    wide: np.ndarray
    y: np.ndarray
    known: np.ndarray
    groups: tuple[tuple[int, slice], ...]
    columns: int

    @classmethod
    def of(cls, layout: Layout, batch: Batch) -> "_Grouped":
        order = np.argsort(batch.variant, kind="stable")
        variant = batch.variant[order]
        wide = np.concatenate([batch.repeat.reshape(len(order), -1), batch.u], axis=1)[order].astype(np.float64)
        shown, first = np.unique(variant, return_index=True)
        ends = np.append(first[1:], len(variant))
        groups = tuple((int(one), slice(int(a), int(b))) for one, a, b in zip(shown, first, ends, strict=True))
        return cls(
            layout, wide, batch.y[order].astype(np.float64), batch.known[order].astype(np.float64), groups,
            batch.u.shape[1],
        )  # fmt: skip

    def _own(self, level: int) -> slice:
        start = self.wide.shape[1] + level * self.columns
        return slice(start, start + self.columns)

    def predict(self, mean: np.ndarray) -> np.ndarray:
        """(n,) linear predictors at these weights."""
        width = self.wide.shape[1]
        z = self.known + self.wide @ mean[:width]
        own = mean[width:].reshape(-1, self.columns)
        for one, rows in self.groups:
            z[rows] += self.wide[rows, width - self.columns :] @ own[self.layout.levels[one]].sum(axis=0)
        return z

    def gather(self, each: np.ndarray) -> np.ndarray:
        """Phi' each: (D,)."""
        width = self.wide.shape[1]
        out = np.zeros(width + len(self.layout.block) * self.columns)
        for one, rows in self.groups:
            part = each[rows] @ self.wide[rows]
            out[:width] += part
            for level in self.layout.levels[one]:
                out[self._own(level)] += part[width - self.columns :]
        return out

    def information(self, bend: np.ndarray) -> np.ndarray:
        """Phi' diag(bend) Phi: (D, D), from one small product for each combination."""
        width, u = self.wide.shape[1], self.columns
        size = width + len(self.layout.block) * u
        out = np.zeros((size, size))
        pairs: dict[tuple[int, int], np.ndarray] = {}
        single: dict[int, np.ndarray] = {}
        for one, rows in self.groups:
            part = self.wide[rows]
            gram = (part * bend[rows][:, None]).T @ part
            out[:width, :width] += gram
            levels = self.layout.levels[one].tolist()
            for a in levels:
                single[a] = single[a] + gram[:, width - u :] if a in single else gram[:, width - u :]
                for b in levels:
                    if a < b:
                        inner = gram[width - u :, width - u :]
                        pairs[a, b] = pairs[a, b] + inner if (a, b) in pairs else inner
        for a, across in single.items():
            out[:width, self._own(a)] = across
            out[self._own(a), :width] = across.T
            out[self._own(a), self._own(a)] = across[width - u :]
        for (a, b), inner in pairs.items():
            out[self._own(a), self._own(b)] = inner
            out[self._own(b), self._own(a)] = inner.T
        return out
