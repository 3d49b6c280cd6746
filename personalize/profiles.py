"""Profiles: what we know of each client as one vector of features, fresh, and only as far as the client allows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from django.db.models import Max

from compliance import consent
from compliance.models import Channel, Purpose
from personalize import discretion, features
from personalize.bulk import profiles as bulk
from personalize.decide.features import scatter, word
from personalize.decide.values import FeatureTable
from personalize.models import Attribute, Feature, Profile

CHUNK = 10_000  # clients refreshed in one go: memory stays flat whatever the number of clients
AT_ONCE = 100_000  # clients that one sweep refreshes, so that it ends well before a worker's time limit
MARGIN = timedelta(minutes=15)
OVERLAP = timedelta(seconds=30)  # an event may become visible this long after it was received
STALE_AFTER = timedelta(hours=24)  # counts over 7, 30 and 90 days move on even when nothing happens


@dataclass(frozen=True, slots=True)
class Known:
    """One thing we know of a client: key, value, "declared" or "inferred", where from, and when it was true.

    is_used      False for what was inferred where the client told us themselves: declared beats inferred
    is_withheld  True where the reader may not know the value, which is None then; see personalize.discretion
    """

    key: str
    value: Any
    origin: str
    source: str
    at: datetime
    is_used: bool
    is_withheld: bool = False


def refresh(
    *,
    client_ids: Sequence[int] | None = None,
    since: datetime | None = None,
    at: datetime,
    limit: int | None = None,
) -> int:
    """Bring profiles up to date and return how many were written.

    client_ids  exactly these clients; otherwise
    since       those with events received since then that their profile has not seen, those without a profile, and
                those a day old; otherwise all
    limit       at most so many clients, those with news first
    Only what happened or was true up to `at` counts, whenever it arrived.
    """
    version, registry = features.pinned()
    if not registry:
        return 0
    if client_ids is None:
        ids = bulk.due(since=since, overlap=OVERLAP, stale=at - STALE_AFTER, version=version, limit=limit)
    else:
        ids = np.unique(np.asarray(client_ids, np.int64))
    wanted = _wanted(registry)
    starts = _starts(registry, _signals(registry, at))
    for first in range(0, len(ids), CHUNK):
        chunk = ids[first : first + CHUNK]
        x, last = _computed(chunk, wanted, starts, at)
        bulk.keep(chunk, x, last, version=version, at=at)
    return len(ids)


def as_of(client_id: int, *, at: datetime) -> list[tuple[str, float]]:
    """(meaning, value) of what a client's profile held at a past instant, computed again; unknown ones left out.

    From events and attributes that say when they were true; an attribute overwritten since then counts as unknown.
    """
    _, registry = features.pinned()
    if not registry:
        return []
    x, _ = _computed(np.array([client_id], np.int64), _wanted(registry), _starts(registry, _signals(registry, at)), at)
    return [(one.meaning, float(x[0, one.position])) for one in registry if not np.isnan(x[0, one.position])]


def then(ids: np.ndarray, *, at: datetime, allowed_at: datetime) -> np.ndarray:
    """`as_of` of many clients (ascending) as features (n, F), without what they do not let us use at `allowed_at`."""
    _, registry = features.pinned()
    x, _ = _computed(ids, _wanted(registry), _starts(registry, _signals(registry, at)), at)
    _withhold(x, ids, registry, at=allowed_at, permits=None)
    return x


def _computed(ids: np.ndarray, wanted: bulk.Wanted, starts: np.ndarray, at: datetime) -> tuple[np.ndarray, np.ndarray]:
    """(n, F) features and (n,) time of the last event in epoch seconds, NaN for never, of ids in ascending order."""
    return _laid_out(ids, starts, *bulk.triplets(ids, wanted, at=at))


def _laid_out(
    ids: np.ndarray, starts: np.ndarray, clients: np.ndarray, positions: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    is_last = positions == bulk.LAST_EVENT
    x = scatter(ids, starts, clients=clients[~is_last], positions=positions[~is_last], values=values[~is_last])
    last = np.full(len(ids), np.nan)
    last[np.searchsorted(ids, clients[is_last])] = values[is_last]
    return x, last


def newest() -> datetime | None:
    """When profiles were last refreshed, less a margin: the `since` of the next sweep. None before the first."""
    last = Profile.objects.aggregate(last=Max("refreshed_at"))["last"]
    return None if last is None else last - MARGIN


def table(
    client_ids: Sequence[int] | np.ndarray, *, at: datetime, permits: consent.Permits | None = None
) -> FeatureTable:
    """The features of these clients, in their order; a fixed number of queries.

    A feature is NaN where it is not known, where the client withheld its purpose (profiling, sensitive details)
    or switched this signal off, and for everything of a client without a profile yet.
    permits  what these very clients allow, by a caller who has asked already
    """
    version, registry = features.pinned()
    ids = np.asarray(client_ids, np.int64)
    x = np.full((len(ids), len(registry)), np.nan, np.float32)
    if len(ids) and registry:
        have, vectors = bulk.read(ids, len(registry))
        if len(have):
            rows = np.minimum(np.searchsorted(have, ids), len(have) - 1)
            known = have[rows] == ids
            x[known] = vectors[rows[known]]
        _withhold(x, ids, registry, at=at, permits=permits)
    return FeatureTable(ids, x, tuple(one.code for one in registry), version)


def one(client_id: int, *, at: datetime) -> FeatureTable:
    """`table` of a single client."""
    return table([client_id], at=at)


def fresh(client_ids: Sequence[int] | np.ndarray, *, at: datetime) -> None:
    """Bring those of these clients up to date of whom something arrived that their profile has not seen."""
    if stale := bulk.stale(client_ids, overlap=OVERLAP, before=at - STALE_AFTER, version=features.version()):
        refresh(client_ids=stale, at=at)


def of_one(
    client_id: int, vector: bytes | None, *, version: int, profiling: bool, sensitive: bool, off: Sequence[str],
    at: datetime,
) -> FeatureTable:  # fmt: skip
    """`table` of one client from what was read of them; vector None where it must be computed anew from their events.

    profiling, sensitive  what they allow · off  codes of the features they switched off
    """
    look, ids = _look(version), np.array([client_id], np.int64)
    if vector is None:
        told = bulk.of_one(look.statement, {**look.given, "one": client_id, "at": at})
        x, _ = _laid_out(ids, look.starts, *told)
    else:
        x = np.full((1, len(look.codes)), np.nan, np.float32)
        known = np.frombuffer(vector, "<f4")[: len(look.codes)]
        x[0, : len(known)] = known
    if not profiling:
        x[0, look.profiling] = np.nan
    if not sensitive:
        x[0, look.sensitive] = np.nan
    if off:
        x[0, [place for place, code in enumerate(look.codes) if code in off]] = np.nan
    return FeatureTable(ids, x, look.codes, version)


@dataclass(frozen=True, slots=True)
class _Look:
    """What is read of one client under one version of the set, which never changes; columns by what they need."""

    statement: str
    given: dict[str, Any]
    starts: np.ndarray
    codes: tuple[str, ...]
    profiling: np.ndarray
    sensitive: np.ndarray


@lru_cache(maxsize=4)
def _look(version: int) -> _Look:
    registry = features.registry_of(version)
    signals = [(one.spec["signal"], one.position) for one in registry if "signal" in one.spec]
    statement, given = bulk.statement_of_one(_wanted(registry), signals)
    needs = {
        purpose: np.array([one.position for one in registry if one.purpose == purpose], np.intp)
        for purpose in (Purpose.PROFILING, Purpose.SENSITIVE)
    }
    return _Look(
        statement, given, _starts(registry, {}), tuple(one.code for one in registry), needs[Purpose.PROFILING],
        needs[Purpose.SENSITIVE],
    )  # fmt: skip


def known(client_id: int, *, whole: bool = True) -> list[Known]:
    """Everything a client told us or showed us, newest value per key and origin, declared before inferred.

    whole  False for a reader who may not know sensitive values: they are withheld, and that a client is to be spared
           is not even named
    """
    rows = Attribute.objects.filter(client_id=client_id).order_by("key", "origin")
    if not whole:
        rows = rows.exclude(key__icontains="vulnerab")
    told = {row.key for row in rows if row.origin == "declared"}
    marked = frozenset() if whole else discretion.marked()
    hidden = set() if whole else {row.key for row in rows if discretion.is_sensitive(row.key, marked)}
    return [
        Known(
            row.key,
            None if row.key in hidden else discretion.cleaned(row.value, marked) if not whole else row.value,
            row.origin,
            row.source,
            row.at,
            row.origin == "declared" or row.key not in told,
            row.key in hidden,
        )
        for row in rows
    ]


def mark_stale(client_ids: Sequence[int]) -> None:
    """Say that something about these clients changed outside of events; the next refresh takes them."""
    bulk.mark_stale(client_ids)


def _withhold(
    x: np.ndarray, ids: np.ndarray, registry: tuple[Feature, ...], *, at: datetime, permits: consent.Permits | None
) -> None:
    """Blank, in place, what the clients do not let us use."""
    for purpose in (Purpose.PROFILING, Purpose.SENSITIVE):
        columns = [one.position for one in registry if one.purpose == purpose]
        if columns:
            x[np.ix_(~_may_use(ids, purpose, at=at, permits=permits), columns)] = np.nan
    positions = {one.code: one.position for one in registry}
    for row, codes in _signals_off(ids):
        x[row, [positions[code] for code in codes if code in positions]] = np.nan


def _may_use(ids: np.ndarray, purpose: Purpose, *, at: datetime, permits: consent.Permits | None) -> np.ndarray:
    if permits is not None:
        return permits.profiling if purpose == Purpose.PROFILING else permits.sensitive
    if purpose == Purpose.PROFILING:
        return consent.profiling(ids, at=at)
    return consent.allowed(ids, purpose=purpose, channel=Channel.ANY, at=at).ok


def _signals_off(ids: np.ndarray) -> list[tuple[np.ndarray, list[str]]]:
    off = consent.signals_off(ids)
    return [(ids == client, list(codes)) for client, codes in off.items() if codes]


def _signals(registry: tuple[Feature, ...], at: datetime) -> dict[str, float]:
    return bulk.signals([one.spec["signal"] for one in registry if "signal" in one.spec], at=at)


def _starts(registry: tuple[Feature, ...], signals: Mapping[str, float]) -> np.ndarray:
    """What each column holds for a client of whom nothing is known: 0 for counts, the prior for rates, else NaN."""
    starts = np.full(len(registry), np.nan, np.float32)
    for one in registry:
        if "events" in one.spec or "active_days" in one.spec:
            starts[one.position] = 0.0
        elif "rate" in one.spec:
            up, down = one.spec["prior"]
            starts[one.position] = up / down
        elif "signal" in one.spec:
            starts[one.position] = signals.get(one.spec["signal"], np.nan)
    return starts


def _wanted(registry: tuple[Feature, ...]) -> bulk.Wanted:
    """What SQL should compute; forbidden features are never filled."""
    wanted = bulk.Wanted()
    for one in registry:
        spec, position = one.spec, one.position
        if one.sensitivity == Feature.Sensitivity.FORBIDDEN:
            continue
        if "categories" in spec:
            codes = {word(name): float(code) for code, name in enumerate(spec["categories"])}
            codes |= {word(name): codes[word(same)] for name, same in spec.get("same", {}).items()}
            wanted.words += [(spec["attribute"], name, position, code) for name, code in codes.items()]
        elif "attribute" in spec:
            wanted.numbers.append((spec["attribute"], position))
        elif "rate" in spec:
            wanted.rates.append((position, *spec["rate"], *map(float, spec["prior"])))
        elif "events" in spec:
            wanted.counts.append((spec["events"], spec["days"], position))
        elif "days_since" in spec:
            wanted.since.append((spec["days_since"], position))
        elif "active_days" in spec:
            wanted.active.append((spec["active_days"], position))
        elif "tenure" in spec:
            wanted.tenure.append(position)
    return wanted
