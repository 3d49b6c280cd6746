"""The use cases that score clients: what counts as the label, and the rule that holds while data are few."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Point:
    """Points for a feature that is at least, or at most, a value; one that is not known gives none."""

    code: str
    at_least: float | None
    at_most: float | None
    points: int
    words: str


@dataclass(frozen=True, slots=True)
class Case:
    """One use case.

    label    what will have happened `days` after the look, in words
    events   of these names, or any where empty · at_least  so many of them make the label
    absent   the label is that none of them came, among those who did something in the `days` before
    rule     points by what we know now; `likely` of them call it likely
    """

    code: str
    name: str
    label: str
    days: int
    events: tuple[str, ...]
    at_least: int
    absent: bool
    rule: tuple[Point, ...]
    likely: int

    @property
    def root(self) -> str:
        """A hash of all of this: a model that was approved for it may be followed by its successors, not by others."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def points(self, x: np.ndarray, codes: Sequence[str]) -> np.ndarray:
        """The rule's points of each client: (n,) from features (n, F) named by `codes`."""
        total = np.zeros(len(x))
        for one in self.rule:
            value = x[:, codes.index(one.code)]
            hit = np.isfinite(value)
            if one.at_least is not None:
                hit &= value >= one.at_least
            if one.at_most is not None:
                hit &= value <= one.at_most
            total += one.points * hit
        return total


def _more(code: str, value: float, points: int, words: str) -> Point:
    return Point(code, value, None, points, words)


CASES = (
    Case(
        "research_phase", "Researching", "At least three guides, modules or calculators within 14 days", 14,
        ("Module Started", "Module Completed", "Calculator Used", "Risk Guide Completed", "ISA Guide Read"), 3, False,
        (
            _more("modules_30d", 1, 2, "completed a module in the last 30 days"),
            Point("days_since_visit", None, 3, 1, "was here within three days"),
            _more("events_7d", 5, 1, "did five things or more in a week"),
        ),
        2,
    ),
    Case(
        "adviser_switch", "Considering another adviser", "Looked at fees or at moving money away twice within 30 days",
        30, ("Adviser Fees Viewed", "Transfer Out Viewed"), 2, False,
        (
            _more("transfer_views_30d", 1, 2, "looked at moving money in the last 30 days"),
            _more("fees_views_30d", 1, 2, "looked at fees in the last 30 days"),
            _more("statements_30d", 1, 1, "downloaded a statement in the last 30 days"),
        ),
        2,
    ),
    Case(
        "churn", "May leave", "Did nothing at all within 45 days, after something in the 45 days before", 45,
        (), 1, True,
        (
            _more("days_since_visit", 21, 2, "was not here for three weeks"),
            Point("active_days_30d", None, 1, 1, "was here on one day of 30 at most"),
            _more("transfer_views_30d", 1, 1, "looked at moving money in the last 30 days"),
        ),
        3,
    ),
)  # fmt: skip
BY_CODE = {one.code: one for one in CASES}
