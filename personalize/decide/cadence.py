"""Send, or not now: a mail goes when it is worth more than the attention it costs later. Numpy only."""

from dataclasses import dataclass

import numpy as np

from personalize.decide.funnel import Heads, Layout, Reward, Scale, Seen, worth_of

OBEY = 0.95  # of the time the rule is followed, so that both sides keep a known probability


@dataclass(frozen=True, slots=True)
class Pressure:
    """Which raw columns a mail of today changes for the mails that follow.

    week, fortnight  raw columns of sends in the last 7 and 14 days · since  of log(1 + days since the last)
    often            decisions per client and day
    """

    week: int
    fortnight: int
    since: int
    often: float


def price(
    layout: Layout, heads: Heads, scale: Scale, seen: Seen, *, reward: Reward, pressure: Pressure, best: np.ndarray
) -> np.ndarray:
    """What a mail of today takes from the mails of the next fortnight: (n,) on the scale of the reward, at least 0.

    best (n,) the best combination of each client. The heads are asked about the same combination with one send more
    in their columns; a head in which pressure helps counts as no cost, since habit and pressure look alike.
    """
    now = worth_of(layout, heads, seen, reward, best)
    gap = 1.0 / max(pressure.often, 1e-3)
    one_more = np.zeros(seen.u.shape[1])
    one_more[1 + pressure.fortnight] = 1.0 / scale.sd[pressure.fortnight]
    late = worth_of(layout, heads, _moved(seen, one_more), reward, best)
    one_more[1 + pressure.week] = 1.0 / scale.sd[pressure.week]
    soon = worth_of(layout, heads, _moved(seen, one_more), reward, best)
    sooner = np.zeros(seen.u.shape[1])
    sooner[1 + pressure.since] = (np.log1p(gap) - np.log1p(2 * gap)) / scale.sd[pressure.since]
    hurried = worth_of(layout, heads, _moved(seen, sooner), reward, best)
    lost = 7.0 * pressure.often * ((now - soon) + (now - late)) + (now - hurried)
    return np.maximum(lost, 0.0)


def _moved(seen: Seen, by: np.ndarray) -> Seen:
    return Seen(np.clip(seen.u + by.astype(seen.u.dtype), -6.0, 6.0), seen.lately, seen.offsets)


def send_chance(value: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """The probability of sending (n,): 0.95 where the best combination is worth more than it costs, else 0.05."""
    return np.where(value > cost, OBEY, 1.0 - OBEY)
