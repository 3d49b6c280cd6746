"""Looks of the past whose label has come: what was known of clients then, and what they did afterwards."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from compliance import consent
from personalize import features, profiles
from personalize.bulk import outlooks as bulk
from personalize.outlooks.cases import Case
from personalize.training import Examples

LOOKS, PEOPLE = 4, 10_000  # so many looks back, at so many clients each
KNOWN_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Matured:
    """n looks of clients (n,). x (n, F) float32 by `codes` · y (n,) 1.0 where the label came true · at epoch seconds"""

    x: np.ndarray
    y: np.ndarray
    at: np.ndarray
    codes: tuple[str, ...]
    client: np.ndarray

    def since(self, moment: datetime) -> "Matured":
        """Only looks after a moment."""
        keep = self.at > moment.timestamp()
        return Matured(self.x[keep], self.y[keep], self.at[keep], self.codes, self.client[keep])

    def examples(self) -> Examples:
        """As training reads them: nothing was chosen, so there are no slots."""
        n = len(self.y)
        return Examples(
            self.x, (), (), np.zeros((n, 0), np.int16), self.y, np.ones(n), self.at, self.codes, features.version(),
            self.client,
        )  # fmt: skip


def gather(case: Case, *, at: datetime) -> Matured:
    """Looks at clients who allow profiling, each as far apart as the label takes to come; the newest ends at `at`.

    A look reads only what was true by then. What we counted of our own messages is not kept as of a past day, so it is
    left out.
    """
    read = codes()
    places = [one.position for one in features.registry() if one.code in read]
    parts = [_look(case, at - timedelta(days=case.days * (1 + back)), at=at) for back in range(LOOKS)]
    return Matured(
        np.concatenate([x for x, *_ in parts])[:, places], np.concatenate([y for _, y, *_ in parts]),
        np.concatenate([when for _, _, when, _ in parts]), read, np.concatenate([ids for *_, ids in parts]),
    )  # fmt: skip


def codes() -> tuple[str, ...]:
    """The features that a model of an outlook may read: those that can be computed as of any day."""
    registry = features.registry()
    usable = {registry[one].code for one in features.usable(registry)}
    return tuple(one.code for one in registry if one.code in usable and not _of_messages(one.spec))


def _of_messages(spec: dict[str, object]) -> bool:
    return "rate" in spec or str(spec.get("attribute", "")).endswith("_90d") or "signal" in spec


def _look(case: Case, then: datetime, *, at: datetime) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    ids = bulk.people(before=then - KNOWN_FOR, salt=case.code, limit=PEOPLE)
    if len(ids):
        ids = ids[consent.profiling(ids, at=at)]
    if len(ids) and case.absent:
        ids = ids[bulk.did(ids, (), since=then - timedelta(days=case.days), days=case.days) > 0]
    if not len(ids):
        none = np.zeros(0, np.int64)
        return np.zeros((0, len(features.registry())), np.float32), np.zeros(0), none, none
    times = bulk.did(ids, case.events, since=then, days=case.days)
    y = times < case.at_least if case.absent else times >= case.at_least
    return (
        profiles.then(ids, at=then, allowed_at=at),
        y.astype(np.float64),
        np.full(len(ids), int(then.timestamp()), np.int64),
        ids,
    )
