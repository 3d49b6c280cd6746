"""Regularised logistic regression by damped Newton steps: never diverges, whatever the columns. Numpy only."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

ROWS = 8_192
STEPS = 25


@dataclass(frozen=True, slots=True)
class Weights:
    """A fitted model: log-odds = offset + intercept + columns @ weight."""

    intercept: float
    weight: np.ndarray


def fit(
    columns: Callable[[slice], np.ndarray],
    y: np.ndarray,
    penalty: np.ndarray,
    *,
    offset: np.ndarray | None = None,
    intercept: bool = True,
    count: np.ndarray | None = None,
) -> Weights:
    """The weights that minimise log-loss + sum of penalty * weight^2 / 2, over n rows and C columns.

    columns    gives the (rows, C) columns of a slice of rows, so that n x C is never in memory at once
    penalty    (C,) > 0: the precision of a normal prior around 0 for each weight; the intercept has none
    offset     (n,) log-odds that are already known
    count      (n,) how often each row counts; once where None

    Source: IRLS, McCullagh & Nelder 1989, section 4.4, with step halving so that the loss can only fall.
    """
    n, width = len(y), len(penalty)
    known = np.zeros(n) if offset is None else np.asarray(offset, np.float64)
    times = np.ones(n) if count is None else np.asarray(count, np.float64)
    told = _Told(np.asarray(y, np.float64), known, times)
    full = np.append(penalty, 1e-9 if intercept else 1e9)
    w = np.zeros(width + 1)
    if intercept and offset is None:
        share = np.clip(np.average(y, weights=times), 1e-6, 1 - 1e-6)
        w[-1] = np.log(share / (1 - share))
    blocks = _cached(columns, n, width)
    loss = _loss(blocks(), told, w, full)
    for _ in range(STEPS):
        gradient, curvature = _bend(blocks(), told, w, full)
        step = np.linalg.solve(curvature, gradient)
        size, now = 1.0, _loss(blocks(), told, w - step, full)
        while now > loss and size > 1e-6:
            size /= 2
            now = _loss(blocks(), told, w - size * step, full)
        if now >= loss:
            break
        w = w - size * step
        done = loss - now < 1e-8 * (1 + abs(loss))
        loss = now
        if done:
            break
    return Weights(float(w[-1]), w[:-1])


Blocks = Iterator[tuple[slice, np.ndarray]]


def _cached(columns: Callable[[slice], np.ndarray], n: int, width: int) -> Callable[[], Blocks]:
    """The blocks of rows, kept when they take less than 200 MB together and made anew each time otherwise."""
    slices = [slice(start, min(start + ROWS, n)) for start in range(0, n, ROWS)]
    kept = [columns(one) for one in slices] if n * width * 8 < 200e6 else None

    def blocks() -> Blocks:
        for number, one in enumerate(slices):
            yield one, kept[number] if kept is not None else columns(one)

    return blocks


@dataclass(frozen=True, slots=True)
class _Told:
    """What is known of each row: outcome, log-odds so far, and how often it counts, (n,) each."""

    y: np.ndarray
    known: np.ndarray
    times: np.ndarray


def _loss(blocks: Blocks, told: _Told, w: np.ndarray, penalty: np.ndarray) -> float:
    total = 0.5 * float((penalty * w * w).sum())
    for rows, x in blocks:
        z = told.known[rows] + x @ w[:-1] + w[-1]
        total += float(told.times[rows] @ (np.logaddexp(0, z) - told.y[rows] * z))
    return total


def _bend(blocks: Blocks, told: _Told, w: np.ndarray, penalty: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and curvature of the loss at w."""
    gradient, curvature = penalty * w, np.diag(penalty).astype(np.float64)
    for rows, x in blocks:
        p = 1 / (1 + np.exp(-np.clip(told.known[rows] + x @ w[:-1] + w[-1], -35, 35)))
        bend = told.times[rows] * np.maximum(p * (1 - p), 1e-9)
        off = told.times[rows] * (p - told.y[rows])
        gradient[:-1] += x.T @ off
        gradient[-1] += float(off.sum())
        rooted = x * np.sqrt(bend)[:, None]
        curvature[:-1, :-1] += rooted.T @ rooted  # of one matrix with itself: BLAS computes half of it
        across = bend @ x
        curvature[:-1, -1] += across
        curvature[-1, :-1] += across
        curvature[-1, -1] += float(bend.sum())
    return gradient, curvature
