"""Protected groups, for testing alone: taken in, and counted among many. Nobody's membership can be read from here.

A client who volunteered theirs consented to this one use of it; areas, names and other proxies come as probabilities.
Models, audiences and texts never see any of it: it is behind a wall in the database (see the migration).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from compliance import bulk

FEWEST = 100  # clients in one question; the database refuses fewer
FEW = 20  # a count of fewer is told to nobody
CERTAIN = ("volunteered", "audit")
BASES = (*CERTAIN, "area", "proxy")


@dataclass(frozen=True, slots=True)
class Membership:
    """One client's (probable) membership of one group of one attribute.

    probability in [0, 1], 1 where it is certain · consented_at  when the client agreed, needed when volunteered
    """

    client: int
    attribute: str
    group: str
    probability: float
    basis: str
    consented_at: datetime | None


@dataclass(frozen=True, slots=True)
class Counted:
    """Clients of a group, of one probability and stratum: how many, and the sum and squares of their amounts."""

    attribute: str
    group: str
    probability: float
    stratum: int
    n: int
    total: float
    squares: float


def put(memberships: Sequence[Membership], *, source: str, at: datetime) -> int:
    """Keep memberships; how many are new or changed. A certain one takes the place of the client's former one."""
    columns: dict[str, Sequence[Any]] = {
        "clients": [one.client for one in memberships],
        "attributes": [one.attribute for one in memberships],
        "groups": [one.group for one in memberships],
        "probabilities": [one.probability for one in memberships],
        "bases": [one.basis for one in memberships],
        "consents": [one.consented_at for one in memberships],
    }
    return bulk.put_groups(columns, source=source, at=at)


def tally(client_ids: np.ndarray, amounts: np.ndarray, *, strata: np.ndarray | None = None) -> list[Counted]:
    """Amounts added up by group and stratum; nothing where there are fewer than 100 clients.

    client_ids (n,) int64, amounts (n,) float64, strata (n,) int; groups of fewer than 20 are left out
    """
    if len(np.unique(client_ids)) < FEWEST:
        return []
    strata = np.zeros(len(client_ids), np.int64) if strata is None else strata
    return [Counted(*row) for row in bulk.tally_groups(client_ids, strata, np.asarray(amounts, np.float64))]


def is_many(count: int, size: int, whole: int, everybody: int) -> bool:
    """Whether those of a group and of the rest who had it, and who had it not, are FEW or more each.

    count of `size` in the group, `whole` of `everybody` beside it. What all had, or nobody, tells nothing of anybody.
    """
    if whole in (0, everybody):
        return True
    return min(count, size - count, whole - count, everybody - size - (whole - count)) >= FEW
