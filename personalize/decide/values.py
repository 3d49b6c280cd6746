"""What travels through the hot path: frozen dataclasses of arrays."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Features of many clients.

    ids      (n,)   int64    client primary keys, in the order the caller asked for
    x        (n, F) float32  one column per feature in registry position order; NaN: not known, or not ours to use
    codes    (F,)            feature codes by position
    version  FeatureSet.version of `codes`
    """

    ids: np.ndarray
    x: np.ndarray
    codes: tuple[str, ...]
    version: int

    def column(self, code: str) -> np.ndarray:
        """The (n,) values of one feature. Raises KeyError for a code that this version does not have."""
        try:
            return self.x[:, self.codes.index(code)]
        except ValueError:
            raise KeyError(code) from None


@dataclass(frozen=True, slots=True)
class Choices:
    """What was picked and how likely that was.

    arm         (n,) intp     index of the arm; -1 where no arm was open
    propensity  (n,) float64  probability of exactly this arm, in (0, 1]; 1.0 where no arm was open
    """

    arm: np.ndarray
    propensity: np.ndarray


@dataclass(frozen=True, slots=True)
class Candidates:
    """The candidates of one slot, as limits see them; every field has one entry per candidate.

    framing   "conservative", "balanced", "growth", "experienced" or "neutral"
    language  language codes such as "en"
    topics    sensitive topics the words touch
    urgent    (K,) bool  the words press for time
    approved  (K,) bool  an editor's approval stands for the exact words
    in_date   (K,) bool  not past the end of its validity
    audience  "retail" for anyone, or "professional"
    markets   jurisdictions the words were approved for; none: every one
    calmed    (K,) bool  closed while markets are unsettled
    knowledge "" for none, "some" or "experienced": what a reader must know already
    """

    framing: tuple[str, ...]
    language: tuple[str, ...]
    topics: tuple[frozenset[str], ...]
    urgent: np.ndarray
    approved: np.ndarray
    in_date: np.ndarray
    audience: tuple[str, ...]
    markets: tuple[frozenset[str], ...]
    knowledge: tuple[str, ...]
    calmed: np.ndarray


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What limits must know of each client; every field has one entry per client.

    risk         risk tolerance in the client's declared words ("" when not known)
    experience   investing experience in the client's declared words ("" when not known)
    language     language codes
    vulnerable   (n,) bool  marked as needing extra care
    declined     topics the client does not want to hear about
    fatigued     (n,) bool  has had as much as caps or wishes allow
    category     "professional" where the firm has found that the client is one, else ""
    market       the jurisdiction the client is in
    """

    risk: tuple[str, ...]
    experience: tuple[str, ...]
    language: tuple[str, ...]
    vulnerable: np.ndarray
    declined: tuple[frozenset[str], ...]
    fatigued: np.ndarray
    category: tuple[str, ...]
    market: tuple[str, ...]
