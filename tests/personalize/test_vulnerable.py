"""Vulnerability: the flag only ever protects."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from personalize.decide import limits
from personalize.decide.values import Candidates, Circumstances


@given(
    risk=st.sampled_from(["", "cautious", "balanced", "growth", "high", "nonsense"]),
    experience=st.sampled_from(["", "none", "experienced"]),
    urgent=st.lists(st.booleans(), min_size=5, max_size=5),
)
def test_being_vulnerable_only_ever_protects(risk: str, experience: str, urgent: list[bool]) -> None:
    """FG21/1: the flag may close or soften, never open anything that was closed."""
    framing = ("conservative", "balanced", "growth", "experienced", "neutral")
    candidates = Candidates(
        framing=framing, language=("en",) * 5, topics=(frozenset(),) * 5, urgent=np.array(urgent),
        approved=np.ones(5, bool), in_date=np.ones(5, bool), audience=("retail",) * 5, markets=(frozenset(),) * 5,
        knowledge=("",) * 5, calmed=np.zeros(5, bool),
    )  # fmt: skip

    def opened(vulnerable: bool) -> set[int]:
        clients = Circumstances(
            risk=(risk,), experience=(experience,), language=("en",), vulnerable=np.array([vulnerable]),
            declined=(frozenset(),), fatigued=np.array([False]), category=("",), market=("UK",),
        )  # fmt: skip
        return set(np.flatnonzero(limits.open_arms(clients, candidates)[0] == limits.Closed.OPEN))

    assert opened(True) <= opened(False)
    assert not {number for number in opened(True) if urgent[number] or framing[number] in ("growth", "experienced")}
