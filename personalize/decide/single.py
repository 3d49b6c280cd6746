"""One client under a learned policy: what `Policy` gives for many, without arrays of one row for every step.

The same numbers to 1e-12, which a test holds it to: somebody waits for this one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from personalize.decide import funnel
from personalize.decide.funnel import Seen
from personalize.decide.snapshot import Policy


@dataclass(frozen=True, slots=True)
class One:
    """choice (S,) int16 · factors (S,), whose product is its chance · success  its predicted chance · moved (F,)

    what each feature adds to "rather than the runner-up", 0 where nothing else was open
    """

    choice: np.ndarray
    factors: np.ndarray
    success: float
    moved: np.ndarray


def pick(
    policy: Policy, seen: Seen, allowed: np.ndarray, *, gamma: float, calm: np.ndarray, draw: float, width: int
) -> One | None:
    """`Policy.pick`, `spoke` and `success` for the one client of `seen`, who does not wait; None where none is open.

    allowed, calm (V,) · draw in [0, 1) · width  features
    """
    if not allowed.any():
        return None
    assert seen.levels is not None
    each, spread = seen.levels[:, 0], policy.told.spread
    reward, scale = policy.snapshot.reward, policy.heads.gain_scale
    value = np.where(allowed, funnel.earned(each @ spread, scale, reward), -np.inf)
    pi = _chances(value, allowed, gamma, calm)
    passed = pi.cumsum() > draw
    arm = int(passed.argmax()) if passed[-1] else int(np.flatnonzero(pi > 0)[-1])
    value[arm] = -np.inf
    other = int(value.argmax())
    odds = _odds(policy, each, arm)
    opens, gains = funnel.sigmoid(odds[:2].copy()).tolist()
    moved = np.zeros(width)
    if value[other] > -np.inf:
        parts = seen.u[0] * _gap(policy, arm, other, odds, _odds(policy, each, other))
        made = policy.design
        if len(made.starts):
            mine = made.positions < width
            moved[made.positions[mine]] = np.add.reduceat(parts[1 : 1 + len(made.less)], made.starts)[mine]
    return One(policy.levels[arm].astype(np.int16), _factors(policy.levels, pi, arm), opens * gains, moved)


def _chances(value: np.ndarray, allowed: np.ndarray, gamma: float, calm: np.ndarray) -> np.ndarray:
    """`Policy.chances` (V,) from the worth, -inf where closed."""
    best = int(value.argmax())
    if not np.isfinite(value[best]):
        raise ValueError("an open arm has no finite value")
    if not calm.all():
        allowed = allowed & calm
        allowed[best] = True
    open_ = int(np.count_nonzero(allowed))
    if gamma == 0.0:
        pi = allowed / open_
    else:
        pi = value[best] - value  # inf where closed, and 1 / inf is the 0 that we want
        pi *= gamma
        pi += open_
        np.divide(1.0, pi, out=pi)
        pi *= allowed
    pi[best] = 0.0
    pi[best] = 1.0 - pi.sum()
    return pi


def _odds(policy: Policy, each: np.ndarray, combination: int) -> np.ndarray:
    """`funnel.odds_of` (4,)."""
    return np.asarray(each[:, policy.layout.levels[combination]].sum(axis=1) + each[:, -1])


def _gap(policy: Policy, arm: int, other: int, now: np.ndarray, before: np.ndarray) -> np.ndarray:
    """`funnel.spoke` by column (U,) for one that is 1 everywhere."""
    steps = np.where(funnel.CHANGED[:, :, 0], now[:, None], before[:, None])
    worth = funnel.earned(steps, policy.heads.gain_scale, policy.snapshot.reward)
    apart, share = now - before, np.zeros(len(now))
    np.divide(worth[1:] - worth[:-1], apart, out=share, where=np.abs(apart) > 1e-12)
    own, levels = policy.ready.own, policy.layout.levels
    return np.asarray(share @ (own[:, levels[arm]].sum(axis=1) - own[:, levels[other]].sum(axis=1)))


def _factors(levels: np.ndarray, pi: np.ndarray, arm: int) -> np.ndarray:
    """The chance of each slot's part given the parts before it (S,)."""
    chosen, chance = levels[arm].tolist(), float(pi[arm]) or 1.0
    factors, mass, before = [], 1.0, 1.0
    left, likely = levels, pi
    for slot, part in enumerate(chosen[:-1]):
        same = left[:, slot] == part
        left, likely = left[same], likely[same]
        now = float(likely.sum())
        factors.append(min(now / mass, 1.0))
        before *= factors[-1]
        mass = now
    return np.array([*factors, chance / before])


def allowed(policy: Policy, is_open: Sequence[np.ndarray], fit: np.ndarray) -> np.ndarray:
    """`Policy.fits` of one client: is_open (K,) a slot."""
    good = fit
    for slot, mine in enumerate(is_open):
        if not mine.all():
            good = good & mine[policy.levels[:, slot]]
    return good
