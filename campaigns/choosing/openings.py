"""What is open to whom: the limits and rules that close a candidate to a client, before anything is chosen."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from campaigns import audiences, bulk
from campaigns.wellbeing import calm
from compliance import review
from compliance.models import Channel, Purpose
from personalize.decide import limits
from personalize.decide.limits import Closed
from personalize.decide.values import Candidates, Circumstances

TENURE_BANDS = (30.0, 180.0, 365.0, 3 * 365.0)  # days
# An approval that was refused, taken back or has run out closes a candidate; one that is still awaited only holds.
LOST = ("rejected", "withdrawn", "expired")


@dataclass(frozen=True, slots=True)
class Known:
    """What limits and the segmented control know of each client; segment (n,) int64 is a stable number."""

    circumstances: Circumstances
    segment: np.ndarray

    @classmethod
    def of(cls, client_ids: np.ndarray, *, at: datetime) -> "Known":
        """What is known of each of these clients; of nobody where there is no such client."""
        by_id = {row[0]: row for row in bulk.circumstances(client_ids, at=at)}
        nobody = (0, "", "", False, "", "en", "[]", 0.0, "", "")
        return cls.told([by_id.get(one, nobody) for one in client_ids.tolist()])

    @classmethod
    def told(cls, rows: Sequence[tuple[Any, ...]]) -> "Known":
        """The same from rows as `bulk.circumstances` gives them."""
        _, risk, experience, vulnerable, goal, language, declined, tenure, category, market = (
            zip(*rows, strict=True) if rows else [()] * 10
        )
        band = np.digitize(np.array(tenure, np.float64), TENURE_BANDS)
        by_goal = np.fromiter((zlib.crc32(one.encode()) for one in goal), np.int64, len(rows))
        told = np.fromiter((bool(one) for one in goal), bool, len(rows))
        topics = {text: frozenset(json.loads(text)) for text in set(declined)}
        return cls(
            Circumstances(
                risk=risk,
                experience=experience,
                language=language,
                vulnerable=np.array(vulnerable, bool),
                declined=tuple(topics[one] for one in declined),
                fatigued=np.zeros(len(rows), bool),
                category=category,
                market=market,
            ),
            np.where(told, by_goal, band),
        )


def topics(plan: Mapping[str, Any]) -> set[str]:
    """Every topic that a candidate of the plan has."""
    return {topic for slot in plan["slots"] for one in slot["candidates"] for topic in one["topics"]}


def closed(plan: dict[str, Any], client_ids: np.ndarray, known: Known, *, at: datetime) -> list[np.ndarray]:
    """For each slot the codes (n, K) of `limits.Closed`, 0 where a candidate is open; fallbacks are kept in reserve."""
    good = [approved(plan, states) for states in standing(plan, at=at)]
    named = [
        np.stack([audiences.mask(one["rule"], client_ids, at=at) for one in slot["candidates"]], axis=1)
        for slot in plan["slots"]
    ]
    closed_now = calm.closes(at=at) if plan["purpose"] != Purpose.SERVICE else calm.NOTHING
    return close(plan, known, approved=good, named=named, closed_now=closed_now, at=at)


def standing(plan: dict[str, Any], *, at: datetime) -> list[list[str]]:
    """For each slot how the review of each candidate's words stands."""
    found = review.standing([one["digest"] for slot in plan["slots"] for one in slot["candidates"]], at=at)
    return [[found.get(one["digest"], "absent") for one in slot["candidates"]] for slot in plan["slots"]]


def approved(plan: dict[str, Any], states: Sequence[str]) -> np.ndarray:
    """Which of these states open a candidate of the plan: (K,) bool."""
    # A page cannot wait for an editor: only what is approved now may be shown.
    on_page = plan["channel"] == Channel.WEB
    return np.array([state == "approved" if on_page else state not in LOST for state in states], bool)


def close(
    plan: dict[str, Any], known: Known, *, approved: Sequence[np.ndarray], named: Sequence[np.ndarray],
    closed_now: calm.Closes = calm.NOTHING, at: datetime,
) -> list[np.ndarray]:  # fmt: skip
    """`closed` from what was read: for each slot approved (K,) bool, and named (n, K) bool whom its rules take in.

    closed_now  what calm closes; whoever leaves it out knows that calm does not hold
    """
    slots = [slot["candidates"] for slot in plan["slots"]]
    codes = [
        limits.open_arms(known.circumstances, _candidates(candidates, good, closed_now, at=at), rules=rules)
        for candidates, good, rules in zip(slots, approved, named, strict=True)
    ]
    return _reserve(slots, codes)


def _candidates(
    candidates: list[dict[str, Any]], approved: np.ndarray, closed_now: calm.Closes, *, at: datetime
) -> Candidates:
    """One slot's candidates as limits see them."""
    ends = [datetime.fromisoformat(one["valid_until"]) if one["valid_until"] else None for one in candidates]
    return Candidates(
        framing=tuple(one["framing"] for one in candidates),
        language=tuple(one["language"] for one in candidates),
        topics=tuple(frozenset(one["topics"]) for one in candidates),
        urgent=np.array([one["urgent"] for one in candidates], bool),
        approved=approved,
        in_date=np.array([end is None or end > at for end in ends], bool),
        # Plans of before texts said whom they are for hold texts for anyone.
        audience=tuple(one.get("audience", "retail") for one in candidates),
        markets=tuple(frozenset(one.get("markets", ())) for one in candidates),
        knowledge=tuple(one.get("knowledge", "") for one in candidates),
        calmed=np.array(
            [
                closed_now.closes(presses=one["urgent"] or one.get("frightens", False), topics=one["topics"])
                for one in candidates
            ],
            bool,
        ),
    )


def _reserve(slots: list[list[dict[str, Any]]], codes: list[np.ndarray]) -> list[np.ndarray]:
    """Keep the fallback of each slot for those who have nothing else open there.

    A message has one language. Whoever would find a gap in their own gets the fallbacks throughout, in whatever
    language they are; every other limit binds a fallback too.
    """
    gap = np.zeros(len(codes[0]) if codes else 0, bool)
    for one in codes:
        gap |= ~(one == Closed.OPEN).any(axis=1)
    for candidates, one in zip(slots, codes, strict=True):
        last = np.array([candidate["is_fallback"] for candidate in candidates], bool)
        one[gap[:, None] & last & (one == Closed.LANGUAGE)] = Closed.OPEN
        one[gap[:, None] & ~last & (one == Closed.OPEN)] = Closed.LANGUAGE
        served = (one[:, ~last] == Closed.OPEN).any(axis=1)
        one[served[:, None] & last & (one == Closed.OPEN)] = Closed.FALLBACK
    return codes
