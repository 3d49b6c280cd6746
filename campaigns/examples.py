"""What there is to learn from: past decisions of a use case, what they chose between, and what came of them."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from campaigns.bulk import examples as bulk
from campaigns.models import UseCase
from personalize import features, training
from personalize.training import Examples, Readiness

MOST_ROWS = 500_000
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Logged:
    """Examples, and which candidates each decision could have chosen.

    drawn   (n,) bool: chosen by chance with the logged propensity; the segmented control's choices are not, nor is a
            fallback that took the place of words an editor refused
    closed  for each slot (n, K) bool: True where the candidate was closed to that client or not in that run
    came    (n, 2) float64: opened, NaN where it is not known, and served; None where it was not asked for
    run     (n,) int64 · policy (n,) str and artefact (n,) int64, 0 for none: who chose
    """

    examples: Examples
    drawn: np.ndarray
    closed: tuple[np.ndarray, ...]
    run: np.ndarray
    policy: np.ndarray
    artefact: np.ndarray
    came: np.ndarray | None = None


def examples(use_case: str, *, at: datetime, campaign: str = "", limit: int = MOST_ROWS) -> Examples:
    """Every matured decision of a use case (or of one of its campaigns) as arrays; empty arrays where there is none."""
    return logged(use_case, at=at, campaign=campaign, limit=limit).examples


def logged(
    use_case: str,
    *,
    at: datetime,
    campaign: str = "",
    since: datetime = ALWAYS,
    until: datetime | None = None,
    limit: int = MOST_ROWS,
    came: bool = False,
) -> Logged:
    """`examples` with what was closed to whom, so that another policy's chances can be worked out.

    since, until  when the decisions were made, the end left out; all of them where nothing is said
    """
    plans = {run: _plan(raw) for run, raw in bulk.plans(use_case, campaign=campaign).items()}
    slots, candidates = _union(plans)
    places = {run: _places(plan, slots, candidates) for run, plan in plans.items()}
    width = len(features.registry())
    read = bulk.rows(use_case, campaign=campaign, since=since, until=until or at, limit=limit, at=at, came=came)
    pages = [_page(page, places, candidates, width) for page in read]
    if not pages:
        pages = [_page([], places, candidates, width)]
    x, choice, y, propensity, when = (np.concatenate([page[i] for page in pages]) for i in range(5))
    drawn = np.concatenate([page[5] for page in pages])
    closed = tuple(np.concatenate([page[6][number] for page in pages]) for number in range(len(slots)))
    run, policy, artefact, client = (np.concatenate([page[i] for page in pages]) for i in (7, 8, 9, 10))
    made = Examples(
        x, slots, candidates, choice, y, propensity, when, feature_version=features.version(), client=client
    )
    back = np.concatenate([page[11] for page in pages]) if came else None
    return Logged(made, drawn, closed, run, policy, artefact, back)


def readiness(*, at: datetime) -> list[Readiness]:
    """How far every use case has come, in the order they are listed everywhere."""
    counts = bulk.counts(at=at)
    return [training.readiness(use_case, *counts.get(use_case, (0, 0))) for use_case in UseCase.values]


def _plan(raw: Any) -> dict[str, Any]:
    return json.loads(raw) if isinstance(raw, str) else raw


def _union(plans: dict[int, dict[str, Any]]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Slots and, for each, the digests of all candidates that any run had, in order of first use."""
    found: dict[str, dict[str, None]] = {}
    for plan in plans.values():
        for slot in plan["slots"]:
            found.setdefault(slot["slot"], {}).update(dict.fromkeys(one["digest"] for one in slot["candidates"]))
    return tuple(found), tuple(tuple(digests) for digests in found.values())


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a run's candidates are in the union: for each of its slots its number and its candidates' columns.

    last  for each slot, which of its candidates are fallbacks
    """

    slots: list[int]
    columns: list[np.ndarray]
    last: list[np.ndarray]


def _places(plan: dict[str, Any], slots: tuple[str, ...], candidates: tuple[tuple[str, ...], ...]) -> _Place:
    numbers = [slots.index(one["slot"]) for one in plan["slots"]]
    columns = [
        np.array([candidates[number].index(one["digest"]) for one in slot["candidates"]], np.intp)
        for number, slot in zip(numbers, plan["slots"], strict=True)
    ]
    last = [np.array([one["is_fallback"] for one in slot["candidates"]], bool) for slot in plan["slots"]]
    return _Place(numbers, columns, last)


def _page(
    page: list[tuple[Any, ...]], places: dict[int, _Place], candidates: tuple[tuple[str, ...], ...], width: int
) -> tuple[Any, ...]:
    """One page of rows as x, choice, y, propensity, at, drawn, closed, run, policy, artefact, client and what came."""
    n = len(page)
    x = np.full((n, width), np.nan, np.float32)
    choice = np.full((n, len(candidates)), -1, np.int16)
    closed = [np.ones((n, len(one)), bool) for one in candidates]
    drawn = np.array([row[7] for row in page], bool)
    for row, (run, chosen, shut, vector, _, chance, *_rest) in enumerate(page):
        values = np.frombuffer(bytes(vector), "<f4")[:width]
        x[row, : len(values)] = values
        place, start, codes = places[run], 0, np.frombuffer(bytes(shut), np.uint8)
        for number, columns, picked in zip(place.slots, place.columns, chosen, strict=False):
            if picked >= 0:
                choice[row, number] = columns[picked]
            mine = codes[start : start + len(columns)]
            start += len(columns)
            closed[number][row, columns[: len(mine)]] = mine != 0
        if chance == 1.0 and _is_replaced(place, chosen, codes):
            drawn[row] = False
    y = np.array([float(row[8]) for row in page])
    propensity = np.array([row[5] for row in page], np.float64)
    when, run = np.array([row[6] for row in page], np.int64), np.array([row[0] for row in page], np.int64)
    policy, artefact = np.array([row[9] for row in page], "U24"), np.array([row[10] or 0 for row in page], np.int64)
    client = np.array([row[11] for row in page], np.int64)
    back = np.array([row[12:14] for row in page], np.float64).reshape(n, len(page[0]) - 12 if page else 2)
    return x, choice, y, propensity, when, drawn, closed, run, policy, artefact, client, back


def _is_replaced(place: _Place, chosen: list[int], codes: np.ndarray) -> bool:
    """Whether fallbacks stand here for sure although something else was open: they took the place of other words."""
    if not chosen or not all(last[one] for last, one in zip(place.last, chosen, strict=True) if one >= 0):
        return False
    mine = np.split(codes, np.cumsum([len(last) for last in place.last])[:-1])
    return any((one == 0).sum() > 1 for one in mine)
