"""Random draws that anybody can draw again: a hash of (seed, id, stream), never a hidden state."""

import hashlib
from functools import lru_cache

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MASK = 0xFFFFFFFFFFFFFFFF
PERSONALISED, CONTROL, HOLDOUT = 0, 1, 2
EXPERIMENT_STREAM = 0xE5


def _mix(z: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64, on uint64 arrays with wrap-around.

    Source: Steele, Lea, Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014, fig. 19.
    """
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@lru_cache(maxsize=64)
def stream_number(stream: int | str) -> int:
    """A stream's number; a name becomes the first eight bytes of its SHA-256, big-endian."""
    if isinstance(stream, str):
        return int.from_bytes(hashlib.sha256(stream.encode()).digest()[:8], "big")
    return stream & MASK


def _mixed(z: int) -> int:
    """`_mix` of one number."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def uniform(seed: int, ids: np.ndarray, stream: int | str) -> np.ndarray:
    """One number in [0, 1) for every id, float64, a function of (seed, id, stream) alone.

    seed    any integer, taken modulo 2**64 (a run's seed)
    ids     (n,) integers (client primary keys)
    stream  what the number is for: different streams are independent

    With m the splitmix64 finaliser and g its golden increment, all modulo 2**64:
    u = m(m(m(seed + g) ^ (stream + g)) ^ m(id + g)), of which the top 53 bits are the fraction.
    """
    g = int(GOLDEN)
    start = _mixed(_mixed((seed + g) & MASK) ^ ((stream_number(stream) + g) & MASK))
    if len(ids) == 1:  # arrays of one cost more than the numbers in them
        return np.array([(_mixed(start ^ _mixed((int(ids[0]) + g) & MASK)) >> 11) * 2.0**-53])
    with np.errstate(over="ignore"):
        drawn = _mix(np.uint64(start) ^ _mix(np.asarray(ids, np.int64).astype(np.uint64) + GOLDEN))
    return (drawn >> np.uint64(11)).astype(np.float64) * 2.0**-53


def experiment(seed: int, ids: np.ndarray, *, control: float, holdout: float) -> np.ndarray:
    """Which side of the experiment each client is on: (n,) int8, 0 personalised, 1 control, 2 holdout.

    control, holdout  shares in [0, 1] with a sum of at most 1; ValueError otherwise
    """
    if not (0 <= control <= 1 and 0 <= holdout <= 1 and control + holdout <= 1 + 1e-12):
        raise ValueError(f"control {control} and holdout {holdout} must be shares with a sum of at most 1")
    u = uniform(seed, ids, EXPERIMENT_STREAM)
    side = np.zeros(len(u), np.int8)
    side[u < holdout + control] = CONTROL
    side[u < holdout] = HOLDOUT
    return side
