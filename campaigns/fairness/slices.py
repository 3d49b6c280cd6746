"""One finding followed down: how each group fared week by week, in each market and in each language.

A cell that would tell of few is empty, and so is another beside it, or the two could be told apart by subtraction.
Nobody's group is read: the database counts them (see `compliance.groups`).
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import product

import numpy as np
from django.db.models import Q, TextField, Value
from django.db.models.functions import MD5, Cast, Concat

from campaigns.fairness import exposures
from campaigns.fairness.exposures import ROLLING, Seen
from campaigns.models import Campaign, FairnessReport, Message, Offer, OfferKind
from campaigns.models.message import MessageState
from compliance import groups
from compliance.groups import FEW
from compliance.models import Jurisdiction
from personalize.learn import effects
from personalize.learn.fairness import SURE_Z

WEEK = timedelta(days=7)
SAMPLE = 10
UNITS = {"fee": "hundredths of a percent a year", "term": "days", "contacts": "messages in 30 days"}
COUNTED = tuple(UNITS)  # amounts; every other measure is whether something happened to a client
TOLD = ("reached", "offered", "offered_alike", "harmful", "spared_alike", "urgent", "fallback", *COUNTED)


@dataclass(frozen=True, slots=True)
class Cell:
    """A group in one column: value None and n 0 where it would tell of few, or nobody is there (then is_none).

    n  clients, expected ones where a group is probable · value  share in [0, 1], or mean · low, high  95 %
    """

    n: int
    value: float | None = None
    low: float = 0.0
    high: float = 0.0
    is_none: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """rows: group → a cell for each of `columns`."""

    name: str
    columns: tuple[str, ...]
    rows: dict[str, tuple[Cell, ...]]

    @property
    def hidden(self) -> int:
        """How many cells are empty lest they tell of few."""
        return sum(one.value is None and not one.is_none for cells in self.rows.values() for one in cells)


def tables(report: FairnessReport, attribute: str, measure: str) -> list[Table]:
    """By week, market and language; none where nothing was shown or fewer than 100 clients were."""
    until, since = report.until, report.since or report.until - ROLLING
    asked = {"since": since, "until": until, "artefact_id": report.artefact_id}
    weekly = exposures.seen(_campaigns(report), every=WEEK, **asked)
    once = exposures.seen(_campaigns(report), **asked)
    oldest = int(weekly.spans.max(initial=0))
    weeks = tuple(_week((until - (oldest - one) * WEEK).date()) for one in range(oldest + 1))
    found = [_table("Week", weeks, oldest - weekly.spans, weekly, attribute, measure)]
    for name, held, words in (("Market", once.markets, dict(Jurisdiction.choices)), ("Language", once.languages, {})):
        codes, numbers = np.unique(held, return_inverse=True)
        named = tuple(str(words.get(one, one)) for one in codes.tolist())
        found.append(_table(name, named, numbers.astype(np.int64), once, attribute, measure))
    return [one for one in found if one.rows]


def sample(report: FairnessReport, measure: str) -> list[str]:
    """Numbers of up to ten messages that the measure is about, drawn alike for everybody who looks at this report."""
    since = report.since or report.until - ROLLING
    found = Message.objects.filter(
        campaign__in=_campaigns(report), decided_at__gt=since, decided_at__lte=report.until,
        state__in=(MessageState.SENT, MessageState.SHOWN),
    )  # fmt: skip
    if report.artefact_id:
        found = found.filter(artefact=report.artefact_id)
    found = found.filter(_about(measure))
    order = MD5(Concat(Cast("pk", TextField()), Value(f":{report.pk}")))
    return [str(one) for one in found.order_by(order, "pk").values_list("pk", flat=True)[:SAMPLE]]


def _about(measure: str) -> Q:
    kinds = {"harmful": OfferKind.HARMFUL, "spared_alike": OfferKind.HARMFUL, "offered": OfferKind.BENEFICIAL,
             "offered_alike": OfferKind.BENEFICIAL}  # fmt: skip
    if measure == "urgent":
        return Q(variant__is_urgent=True)
    if measure in kinds:
        versions = list(Offer.objects.filter(kind=kinds[measure]).values_list("version_id", flat=True))
        return Q(variant__versions__overlap=versions) if versions else Q(pk=None)
    return Q()


def _campaigns(report: FairnessReport) -> list[int]:
    if report.campaign_id:
        return [report.campaign_id]
    assert report.artefact is not None
    return list(Campaign.objects.filter(use_case=report.artefact.use_case).values_list("pk", flat=True))


def _table(name: str, columns: tuple[str, ...], places: np.ndarray, seen: Seen, attribute: str, measure: str) -> Table:
    amounts = seen.amounts[measure]
    mine = np.flatnonzero(~np.isnan(amounts))
    sums: dict[str, dict[int, np.ndarray]] = defaultdict(lambda: defaultdict(lambda: np.zeros(3)))
    for one in groups.tally(seen.clients[mine], amounts[mine], strata=places[mine]):
        if one.attribute == attribute:
            sums[one.group][one.stratum] += one.probability * np.array([one.n, one.total, one.squares])
    everybody = np.bincount(places[mine], minlength=len(columns))
    whole = np.bincount(places[mine], amounts[mine], minlength=len(columns))
    rows = {}
    for group, counted in sums.items():
        cells = []
        for place in range(len(columns)):
            n, total, squares = counted.get(place, np.zeros(3))
            is_told = n >= FEW and (
                measure in COUNTED
                or groups.is_many(round(total), round(n), round(whole[place]), int(everybody[place]))
            )  # fmt: skip
            if not everybody[place] or not n:
                cells.append(Cell(0, is_none=not everybody[place]))
            else:
                cells.append(_cell(n, total, squares, measure) if is_told else Cell(round(n)))
        rows[group] = cells
    return Table(name, columns, _beside(rows))


def _cell(n: float, total: float, squares: float, measure: str) -> Cell:
    mean, count = total / n, round(n)
    if measure not in COUNTED:
        return Cell(count, mean, *effects.wilson(round(total), count))
    error = SURE_Z * math.sqrt(max(squares / n - mean**2, 0.0) / n)
    mean = -mean if measure == "term" else mean  # the report compares how short they are
    return Cell(count, mean, mean - error, mean + error)


def _beside(rows: dict[str, list[Cell]]) -> dict[str, tuple[Cell, ...]]:
    """Empty the smallest told cell beside any that is empty alone, or with fewer than 20 others, in its row or column.

    Source: complementary suppression, Willenborg & de Waal, Elements of Statistical Disclosure Control, 2001, 6.
    """
    names = sorted(rows)
    cells = {(name, place): one for name in names for place, one in enumerate(rows[name])}
    width = len(next(iter(rows.values()), []))
    lines = [[(name, place) for place in range(width)] for name in names]
    lines += [[(name, place) for name in names] for place in range(width)]
    changed = True
    while changed:
        changed = False
        for line in lines:
            empty = [one for one in line if cells[one].value is None and not cells[one].is_none]
            told = [one for one in line if cells[one].value is not None]
            if empty and told and (len(empty) < 2 or sum(cells[one].n for one in empty) < FEW):
                least = min(told, key=lambda one: (cells[one].n, one))
                cells[least], changed = Cell(cells[least].n), True
    return {
        name: tuple(
            one if (one := cells[name, place]).value is not None else replace(one, n=0) for place in range(width)
        )
        for name in names
    }


def _week(last: date) -> str:
    return f"Week to {last.day} {last:%b}"


def drawn(table: Table) -> Iterable[tuple[str, str, Cell, int]]:
    """(column, group, cell, the group's place) of what may be told, in the order of time."""
    for column, (place, group) in product(range(len(table.columns)), enumerate(table.rows)):
        if (one := table.rows[group][column]).value is not None:
            yield table.columns[column], group, one, place
