"""Who a rule names, and how many of them a campaign can reach."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from campaigns import bulk
from campaigns.bulk import rules
from campaigns.bulk.rules import FIELDS, BadRule
from compliance import consent
from compliance.models import Channel, Purpose
from personalize import discretion

__all__ = ["FIELDS", "BadRule", "Waterfall", "check", "count", "mask", "members", "sample", "too_few"]

CAP_WINDOW = timedelta(days=7)
FEW = 10  # a count below this, by what is sensitive, would tell of somebody


@dataclass(frozen=True, slots=True)
class Waterfall:
    """How an audience shrinks on the way to the people a campaign reaches; each number is part of the one before.

    lost  (reason, how many): why the others fell out, in the order of the steps
    """

    segment: int
    addressed: int
    consented: int
    unsuppressed: int
    under_cap: int
    eligible: int
    lost: tuple[tuple[str, int], ...]

    @property
    def steps(self) -> tuple[tuple[str, int], ...]:
        """(words, how many) from the segment down to the eligible."""
        return (
            ("in the segment", self.segment),
            ("with an address", self.addressed),
            ("with consent", self.consented),
            ("not suppressed or paused", self.unsuppressed),
            ("under the weekly cap", self.under_cap),
            ("eligible: one person an address", self.eligible),
        )


def check(rule: Any) -> None:
    """Raises BadRule, with a sentence, unless the rule can be read."""
    rules.fields(rule)


def members(rule: Any, *, at: datetime) -> np.ndarray:
    """Ids (n,) int64, ascending, of everyone the rule names, whether or not we may write to them. Raises BadRule."""
    compiled = rules.compile(rule, at=at)
    return bulk.members(compiled.where, compiled.values)


def sample(rule: Any, *, salt: str, limit: int, at: datetime) -> np.ndarray:
    """Up to `limit` members, the same ones for the same salt."""
    compiled = rules.compile(rule, at=at)
    return bulk.sample(compiled.where, compiled.values, salt=salt, limit=limit)


def mask(rule: Any, client_ids: np.ndarray, *, at: datetime) -> np.ndarray:
    """Which of `client_ids` (n,) the rule names: (n,) bool. Raises BadRule."""
    if rule == {}:
        return np.ones(len(client_ids), bool)
    compiled = rules.compile(rule, at=at)
    return np.isin(client_ids, bulk.matching(compiled.where, compiled.values, client_ids=client_ids))


def count(rule: Any, *, purpose: str, channel: str, at: datetime, cap: int = 3, limit: int | None = None) -> Waterfall:
    """How many the rule names and how many of them a campaign may reach now. Raises BadRule."""
    ids = members(rule, at=at)[:limit]
    segment, lost = len(ids), []
    if channel == Channel.EMAIL and segment:
        known = bulk.addresses(ids)
        has = np.fromiter((bool(known[one][0]) for one in ids.tolist()), bool, len(ids))
        lost.append(("no_address", int((~has).sum())))
        ids = ids[has]
    addressed = len(ids)
    answers = consent.allowed(ids, purpose=purpose, channel=channel, at=at)
    refused = {
        consent.REASONS[code]: int(n)
        for code, n in zip(*np.unique(answers.reason[~answers.ok], return_counts=True), strict=True)
    }
    lost.extend(sorted(refused.items()))
    stopped = sum(n for reason, n in refused.items() if reason in ("suppressed", "paused"))
    ids = ids[answers.ok]
    unsuppressed = len(ids)
    if purpose != Purpose.SERVICE and len(ids):
        capped = bulk.at_cap(ids, cap=cap, since=at - CAP_WINDOW)
        lost.append(("capped", len(capped)))
        ids = ids[~np.isin(ids, capped)]
    under_cap = len(ids)
    if channel == Channel.EMAIL and len(ids):
        twins = duplicates(ids, bulk.shared_addresses(ids))
        lost.append(("duplicate_address", len(twins)))
        ids = ids[~np.isin(ids, twins)]
    return Waterfall(segment, addressed, unsuppressed + stopped, unsuppressed, under_cap, len(ids), tuple(lost))


def too_few(rule: Any, reach: Waterfall) -> str:
    """A sentence instead of the numbers where they could tell what one client owns, earns or is; else empty."""
    if min(number for _, number in reach.steps) >= FEW or not discretion.reads_sensitive(rules.fields(rule)):
        return ""
    return f"Fewer than {FEW}. Where a condition reads something sensitive, smaller numbers are not shown."


def duplicates(client_ids: np.ndarray, shared: list[tuple[int, str]]) -> np.ndarray:
    """Those of `client_ids` whose address another of them with a lower number has.

    shared  (client id, address) ordered by address, then id, as `bulk.shared_addresses` gives it
    """
    among, out = set(client_ids.tolist()), []
    first: dict[str, int] = {}
    for client, address in shared:
        if client in among and first.setdefault(address, client) != client:
            out.append(client)
    return np.array(sorted(out), np.int64)
