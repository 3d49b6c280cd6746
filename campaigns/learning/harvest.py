"""What came back for the messages of a campaign, as arrays that its policy learns from."""

import json
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from campaigns.bulk import learned as bulk
from campaigns.models import Run
from personalize.decide.funnel import SCALES
from personalize.decide.snapshot import CONTEXT
from personalize.learn.renewal import Results

# Days that each result is given, from the hand-over on, and one more in which it may still arrive.
DAYS = {"open": 2, "gain": 7, "quality": 30}
LATE_DAYS = 1
DAY = 86_400
MOST_ROWS = 500_000
Level = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Harvest:
    """n messages, oldest first. NaN where a result is not known: not measured, or nothing said about it.

    client (n,) · x (n, F) · context (n, 3) · level (n, S) by the numbers of `levels` · repeat (n, S, 3) · known (n,)
    sent (n,) epoch seconds · control (n,) bool · opened, harmed, clicked, succeeded, quality (n,)
    """

    client: np.ndarray
    x: np.ndarray
    context: np.ndarray
    level: np.ndarray
    repeat: np.ndarray
    known: np.ndarray
    sent: np.ndarray
    control: np.ndarray
    opened: np.ndarray
    harmed: np.ndarray
    clicked: np.ndarray
    succeeded: np.ndarray
    quality: np.ndarray

    def some(self, rows: np.ndarray) -> "Harvest":
        """Only these rows."""
        return Harvest(*(getattr(self, one.name)[rows] for one in fields(self)))

    def results(self, y: np.ndarray) -> Results:
        """These rows with this result."""
        return Results(self.x, self.context, self.level, self.repeat, self.known, y)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the candidates of one run are: the level (ΣK,) of each, and where each slot's begin."""

    level: np.ndarray
    starts: np.ndarray


def places(campaign_id: int, slots: tuple[str, ...], levels: list[Level]) -> dict[int, Places]:
    """For each run that filled these slots where its candidates are; levels that are new are added to `levels`."""
    numbers, found = {one: number for number, one in enumerate(levels)}, {}
    for run, raw in Run.objects.filter(campaign_id=campaign_id).order_by("pk").values_list("pk", "plan"):
        plan = json.loads(raw) if isinstance(raw, str) else raw
        if tuple(one["slot"] for one in plan["slots"]) != slots:
            continue
        wanted = [(place, one["digest"]) for place, slot in enumerate(plan["slots"]) for one in slot["candidates"]]
        for one in wanted:
            if one not in numbers:
                numbers[one] = len(levels)
                levels.append(one)
        sizes = [len(slot["candidates"]) for slot in plan["slots"]]
        found[run] = Places(np.array([numbers[one] for one in wanted], np.intp), np.cumsum([0, *sizes[:-1]]))
    return found


def gather(campaign_id: int, where: dict[int, Places], *, since: int, until: int, width: int, slots: int) -> Harvest:
    """What was sent after `since` up to `until` (epoch seconds) in runs that `where` knows.

    width  how many features a row has; what a decision did not see is NaN
    """
    pages = [
        _page([row for row in page if row[1] in where and len(row[2]) == slots], where, width, slots)
        for page in bulk.results(campaign_id, since=since, until=until, days=DAYS, limit=MOST_ROWS)
    ] or [_page([], where, width, slots)]
    return Harvest(*(np.concatenate([getattr(one, part.name) for one in pages]) for part in fields(Harvest)))


def _page(rows: list[tuple[Any, ...]], where: dict[int, Places], width: int, slots: int) -> Harvest:
    n = len(rows)
    x, context = np.full((n, width), np.nan, np.float32), np.full((n, len(CONTEXT)), np.nan, np.float32)
    level, repeat, known = np.zeros((n, slots), np.intp), np.zeros((n, slots, len(SCALES))), np.zeros(n)
    for number, row in enumerate(rows):
        place, seen = where[row[1]], np.frombuffer(bytes(row[3]), "<f4")[:width]
        x[number, : len(seen)] = seen
        at = place.starts + np.array(row[2])
        level[number] = place.level[at]
        own, many = np.frombuffer(bytes(row[4]), "<f4"), len(place.level)
        end = len(CONTEXT) + len(SCALES) * many
        if len(own) == end + 1 + many:
            context[number] = own[: len(CONTEXT)]
            repeat[number] = own[len(CONTEXT) : end].reshape(len(SCALES), many)[:, at].T
            known[number] = own[end] + own[end + 1 + at].sum()
    columns = list(zip(*rows, strict=True)) if rows else [()] * 12
    return Harvest(
        client=np.array(columns[0], np.int64), x=x, context=context, level=level, repeat=repeat, known=known,
        sent=np.array(columns[5], np.int64), control=np.array(columns[6], bool), opened=_numbers(columns[7]),
        harmed=_numbers(columns[8]), clicked=_numbers(columns[9]), succeeded=_numbers(columns[10]),
        quality=_numbers(columns[11]),
    )  # fmt: skip


def _numbers(column: tuple[Any, ...]) -> np.ndarray:
    return np.array([np.nan if one is None else float(one) for one in column], np.float64)
