"""When clients read, counted once a night, and how far that carries."""

import logging
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from campaigns import bulk
from campaigns.models import HourPool
from compliance import asking
from personalize.decide.hours import OWN
from personalize.learn import hours as learn

log = logging.getLogger(__name__)

CLIENTS, AT_ONCE = 50_000, 5_000  # counted in a night, and in one query


@dataclass(frozen=True, slots=True)
class Readiness:
    """How far send hours have come; share in [0, 1] of the way to the last phase."""

    phase: str
    readings: int
    clients: int
    own: int
    share: float


def renew(*, at: datetime) -> HourPool:
    """Count anew, of clients who let us use their activity, and keep it as the newest pool."""
    everybody = bulk.hours.sample(most=CLIENTS)
    counts = [np.zeros((0, 24), np.uint16)]
    for start in range(0, len(everybody), AT_ONCE):
        some = everybody[start : start + AT_ONCE]
        counts.append(bulk.hours.readings(some[asking.profiling(some, at=at)], at=at))
    found = learn.fit(np.concatenate(counts))
    made = HourPool.objects.create(
        counts=found.counts.astype(int).tolist(), clients=found.clients, own=found.own,
        concentration=found.concentration, phase=found.phase, made_at=at,
    )  # fmt: skip
    log.info("hours.counted", extra={"readings": found.readings, "clients": found.clients, "phase": found.phase})
    return made


def newest() -> HourPool | None:
    """The newest count."""
    return HourPool.objects.order_by("-made_at", "-pk").first()


def readiness(pool: HourPool | None) -> Readiness:
    """How far a count carries: the rule alone, one distribution for all, or each client's own."""
    if pool is None:
        return Readiness("rules", 0, 0, 0, 0.0)
    readings = sum(pool.counts)
    first = min(readings / learn.LEAST_READINGS, pool.clients / learn.LEAST_CLIENTS, 1.0)
    second = min(pool.own / learn.LEAST_CLIENTS, 1.0) if first >= 1.0 else 0.0
    return Readiness(pool.phase, readings, pool.clients, pool.own, (first + second) / 2)


def plan(pool: HourPool) -> dict[str, object]:
    """What a run's plan keeps of a count, so that every draw can be made again from it."""
    found = learn.Pool(np.array(pool.counts, np.float64), pool.clients, pool.own, pool.concentration)
    return {
        "pool": pool.pk,
        "share": [float(one) for one in found.share],
        "concentration": pool.concentration,
        "readings": found.readings if pool.phase != "rules" else 0,
        "own": OWN,
    }
