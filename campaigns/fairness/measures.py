"""What is compared between groups: each measure as one number per client, and its findings per attribute."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from compliance import groups
from personalize.learn import fairness
from personalize.learn.fairness import Cell, Kind


@dataclass(frozen=True, slots=True)
class Measure:
    """One comparison. within: strata of declared need and tenure are compared, not everybody at once."""

    key: str
    label: str
    kind: Kind
    within: bool = False


MEASURES = (
    Measure("reached", "Got a message at all", Kind.GOOD),
    Measure("offered", "Were shown a beneficial offer", Kind.GOOD),
    Measure("offered_alike", "Were shown a beneficial offer, at equal need and tenure", Kind.GAP, within=True),
    Measure("harmful", "Were shown an offer that can do harm", Kind.BAD),
    Measure("spared_alike", "Were spared offers that can do harm, at equal need and tenure", Kind.GAP, within=True),
    Measure("fee", "Cost of what they were shown", Kind.LEVEL),
    Measure("term", "Shortness of the terms they were shown", Kind.LEVEL),
    Measure("expected", "What the model expects of them", Kind.LEVEL),
    Measure("contacts", "Messages in 30 days", Kind.PRESSURE),
    Measure("urgent", "Were pressed for time", Kind.BAD),
    Measure("fallback", "Got the words for nobody in particular", Kind.BAD),
)
LABELS = {one.key: one.label for one in MEASURES}
BY_KEY = {one.key: one for one in MEASURES}


def findings(clients: np.ndarray, amounts: Mapping[str, np.ndarray], strata: np.ndarray) -> list[dict[str, Any]]:
    """Every measure that there are amounts for, by attribute and group, as JSON.

    clients (n,) int64 · amounts  by measure's key (n,) float64, NaN where a client does not count · strata (n,) int
    """
    found = []
    for measure in MEASURES:
        if measure.key not in amounts:
            continue
        mine = np.flatnonzero(~np.isnan(amounts[measure.key]))
        counted = groups.tally(
            clients[mine], amounts[measure.key][mine], strata=strata[mine] if measure.within else None
        )
        cells: dict[str, list[Cell]] = defaultdict(list)
        for one in counted:
            cells[one.attribute].append(Cell(one.group, one.probability, one.stratum, one.n, one.total, one.squares))
        for attribute in sorted(cells):
            for each in fairness.compare(measure.kind, cells[attribute]):
                found.append({"attribute": attribute, "measure": measure.key, **each.facts()})
    return found


def limits() -> dict[str, list[float]]:
    """The thresholds in force, as JSON: measure's kind → [warn, fail]."""
    return {str(kind): list(ends) for kind, ends in fairness.LIMITS.items()}
