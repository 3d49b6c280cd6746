"""Why this and not something else: the factors that moved a choice, in words a client may read."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Worded(Protocol):
    """What a sentence needs of a feature: the words that complete "because …"."""

    code: str
    client_words: str


def top(contributions: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k features that spoke most for each choice.

    contributions  (n, F)  how much each feature favours the choice over its runner-up (or over the average client)

    Returns positions (n, k) int16 and values (n, k) float64, strongest first. Only features that truly speak for
    the choice are named: where fewer than k do, the position is -1 and the value 0.
    """
    contributions = np.asarray(contributions, np.float64)
    n, f = contributions.shape
    kept = min(k, f)
    positions = np.full((n, k), -1, np.int16)
    values = np.zeros((n, k))
    if kept == 0 or n == 0:
        return positions, values
    gain = np.where(np.isfinite(contributions), contributions, 0.0)
    if n == 1:
        first = np.argsort(-gain, axis=1, kind="stable")[:, :kept]
        strongest = gain[:, first[0]]
    else:
        first = np.argpartition(-gain, kept - 1, axis=1)[:, :kept]
        order = np.argsort(-np.take_along_axis(gain, first, axis=1), axis=1, kind="stable")
        first = np.take_along_axis(first, order, axis=1)
        strongest = np.take_along_axis(gain, first, axis=1)
    speaks = strongest > 1e-12
    positions[:, :kept] = np.where(speaks, first, -1)
    values[:, :kept] = np.where(speaks, strongest, 0.0)
    return positions, values


def sentences(positions: Sequence[int], values: Sequence[float], registry: Sequence[Worded]) -> list[str]:
    """One client's reasons in words, strongest first: "Because you told us …". Each sentence appears once.

    positions, values  one row of `top`; registry  features by position (`features.registry()`)

    A position that is -1, unknown to the registry, or without a value above 0 is not named.
    """
    told: list[str] = []
    for position, value in zip(positions, values, strict=True):
        if not 0 <= position < len(registry) or not value > 0:
            continue
        sentence = f"Because {registry[position].client_words}."
        if sentence not in told:
            told.append(sentence)
    return told
