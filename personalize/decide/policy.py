"""The choice itself: inverse-gap weighting, with the exact probability of every arm."""

import numpy as np

from personalize.decide.values import Choices

ROWS = 4096  # a block of 4,096 x 48 float64 stays in a core's cache


def gamma_for(matured: int) -> float:
    """How greedy to be after `matured` rewards: 200 sqrt(min(matured, 100,000)); 0 explores uniformly.

    Source: Foster & Rakhlin, Beyond UCB, ICML 2020, algorithm 1: gamma grows with the square root of time.
    """
    return 200.0 * float(min(matured, 100_000)) ** 0.5


def chances(value: np.ndarray, allowed: np.ndarray, *, gamma: float) -> np.ndarray:
    """The probability of every arm: (n, K) float64; rows sum to 1, or are all 0 where no arm is open.

    value    (n, K)  expected reward of each arm, on the scale gamma was made for; finite where allowed
    allowed  (n, K) bool
    gamma    >= 0; 0 (or equal values) is uniform over the open arms

    pi(a) = 1 / (K_open + gamma (best - value(a))) for every open arm but the best, which has the rest.
    Source: Abe & Long 1999; Foster & Rakhlin, Beyond UCB, ICML 2020, equation (3).
    """
    value, allowed = _checked(value, allowed, gamma)
    others, best, n_open = _others(value, allowed, gamma)
    rows = np.flatnonzero(n_open)
    others[rows, best[rows]] = 1.0 - others[rows].sum(axis=1, dtype=np.float64)
    return others


def pick(value: np.ndarray, allowed: np.ndarray, *, gamma: float, draw: np.ndarray) -> Choices:
    """Pick one arm per client by `chances` and say how likely that pick was.

    value, allowed, gamma  as for `chances`
    draw                   (n,) in [0, 1), one number per client (`draws.uniform`)

    Walks the arms but the best in column order and takes the first whose running sum passes the draw; the best
    arm has what is left, so that probabilities and picks cannot disagree by rounding.
    Raises ValueError if shapes differ, gamma is negative, a draw leaves [0, 1) or an open arm has no finite value.
    """
    value, allowed = _checked(value, allowed, gamma)
    draw = np.asarray(draw, np.float64)
    if draw.shape != value.shape[:1]:
        raise ValueError(f"{len(value)} rows but draws of shape {draw.shape}")
    if len(draw) and not (draw.min() >= 0.0 and draw.max() < 1.0):
        raise ValueError("a draw must lie in [0, 1)")
    arm = np.empty(len(value), np.intp)
    propensity = np.empty(len(value), np.float64)
    for start in range(0, len(value), ROWS):
        at = slice(start, start + ROWS)
        arm[at], propensity[at] = _pick(value[at], allowed[at], gamma, draw[at])
    return Choices(arm, propensity)


def _checked(value: np.ndarray, allowed: np.ndarray, gamma: float) -> tuple[np.ndarray, np.ndarray]:
    value, allowed = np.asarray(value), np.asarray(allowed, bool)
    if value.ndim != 2 or value.shape != allowed.shape:
        raise ValueError(f"value {value.shape} and allowed {allowed.shape} must be the same (n, K)")
    if not (gamma >= 0 and np.isfinite(gamma)):
        raise ValueError(f"gamma must be a finite number of at least 0, not {gamma}")
    return value, allowed


def _others(value: np.ndarray, allowed: np.ndarray, gamma: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The chances of all arms but the best (whose column holds 0), the best arm, and how many are open."""
    kind = np.float32 if value.dtype == np.float32 else np.float64  # single precision stays so: half the memory to move
    if allowed.all():
        masked, n_open = value.astype(kind), np.full(len(value), value.shape[1])
    else:
        masked, n_open = np.where(allowed, value, -np.inf).astype(kind, copy=False), allowed.sum(axis=1)
    if masked.shape[1] == 0:
        return masked, np.zeros(len(masked), np.intp), n_open
    best = masked.argmax(axis=1)
    top = np.take_along_axis(masked, best[:, None], axis=1)
    top[n_open == 0] = 0.0
    if not np.isfinite(top).all():  # argmax stops at the first NaN
        raise ValueError("an open arm has no finite value")
    if gamma == 0.0:
        others = allowed / np.maximum(n_open, 1)[:, None]
    else:
        np.subtract(top, masked, out=masked)  # inf where closed, and 1 / inf is the 0 that we want
        np.multiply(masked, kind(gamma), out=masked)
        np.add(masked, n_open[:, None].astype(kind), out=masked)
        others = np.divide(kind(1.0), masked, out=masked)
        others[n_open == 0] = 0.0
    np.put_along_axis(others, best[:, None], 0.0, axis=1)
    return others, best, n_open


def _pick(value: np.ndarray, allowed: np.ndarray, gamma: float, draw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    others, best, n_open = _others(value, allowed, gamma)
    if others.shape[1] == 0:
        return np.full(len(draw), -1, np.intp), np.ones(len(draw))
    total = others.sum(axis=1, dtype=np.float64)
    arm, chance = best.copy(), 1.0 - total
    rows = np.flatnonzero(draw < total + 1e-12)  # where the running sum may pass the draw; the rest have the best
    few = others[rows].astype(np.float64)
    passed = np.cumsum(few, axis=1) > draw[rows, None]
    some = passed[:, -1]
    arm[rows[some]] = passed[some].argmax(axis=1)
    chance[rows[some]] = few[some, arm[rows[some]]]
    closed = n_open == 0
    arm[closed], chance[closed] = -1, 1.0
    return arm, chance
