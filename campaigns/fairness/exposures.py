"""What each client was shown by a campaign, and in which stratum of need and tenure they are, as arrays."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from campaigns.bulk import circumstances
from campaigns.bulk import exposures as bulk
from campaigns.choosing import TENURE_BANDS
from campaigns.models import Campaign
from campaigns.results import BARRED

BATCH = 50_000
ROLLING = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class Exposures:
    """clients (n,) int64 · amounts by measure's key (n,) float64, NaN where a client does not count · strata (n,)."""

    clients: np.ndarray
    amounts: dict[str, np.ndarray]
    strata: np.ndarray


@dataclass(frozen=True, slots=True)
class Seen:
    """The same, one row a client and span: spans (n,) int64, 0 is the newest; markets, languages (n,) str."""

    clients: np.ndarray
    amounts: dict[str, np.ndarray]
    spans: np.ndarray
    markets: np.ndarray
    languages: np.ndarray


def of(campaign: Campaign, *, since: datetime, until: datetime) -> Exposures:
    """Everybody the campaign decided about in the time, whatever it sent them."""
    found = seen([campaign.pk], since=since, until=until)
    return Exposures(found.clients, found.amounts, strata(found.clients, at=until))


def seen(
    campaign_ids: Sequence[int], *, since: datetime, until: datetime, every: timedelta | None = None,
    artefact_id: int | None = None,
) -> Seen:  # fmt: skip
    """Everybody these campaigns decided about in the time, or one model of theirs; in spans of a length, or at once."""
    length = max(every or until - since, timedelta(seconds=1))
    rows = bulk.exposures(
        campaign_ids, barred=BARRED, since=since, until=until, every=length, artefact_id=artefact_id
    )  # fmt: skip
    columns = list(zip(*rows, strict=True)) if rows else [()] * 11
    contacts, good, bad, fee, term, pressed, fallback = (np.array(one, np.float64) for one in columns[1:8])
    days = max(length / timedelta(days=1), 1.0)
    got = np.where(contacts > 0, 1.0, np.nan)  # how words were framed is asked of those who got any
    amounts = {
        "reached": (contacts > 0).astype(np.float64),
        "offered": good,
        "offered_alike": good,
        "harmful": bad,
        "spared_alike": 1.0 - bad if bad.any() else np.full(len(bad), np.nan),
        "fee": fee,
        "term": -term,
        "contacts": contacts * 30.0 / days,
        "urgent": pressed,
        "fallback": fallback * got,
    }
    spans, places, tongues = np.array(columns[8], np.int64), np.array(columns[9], str), np.array(columns[10], str)
    return Seen(np.array(columns[0], np.int64), amounts, spans, places, tongues)


def strata(clients: np.ndarray, *, at: datetime) -> np.ndarray:
    """A number for each combination of declared goal and band of tenure: (n,) int64."""
    found = np.zeros(len(clients), np.int64)
    for start in range(0, len(clients), BATCH):
        rows = {row[0]: row for row in circumstances(clients[start : start + BATCH], at=at)}
        for place, client in enumerate(clients[start : start + BATCH].tolist(), start):
            if client in rows:
                band = int(np.digitize(rows[client][7], TENURE_BANDS))
                found[place] = (zlib.crc32(rows[client][4].encode()) & 0xFFFFFF) * 8 + band
    return found
