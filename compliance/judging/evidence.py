"""Whether the evidence of a text's claims is in date: without it nobody may approve, and approvals end with it.

US-11: 17 CFR 275.206(4)-1(a)(2), a material statement of fact needs a reasonable basis on demand.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

LASTS = timedelta(days=366)  # evidence that names no end of its own is looked at again after a year


def claims(snapshot: dict[str, Any]) -> Iterator[dict[str, str]]:
    """The claims of the words under review: of a block, or of every block of a message."""
    yield from snapshot.get("claims") or []
    for block in snapshot.get("blocks") or []:
        yield from block.get("claims") or []


def lacking(snapshot: dict[str, Any], *, at: datetime) -> list[str]:
    """The claims whose evidence is missing, not dated, of a later day, or too old at `at`."""
    return [one.get("text", "") for one in claims(snapshot) if not _stands(one, at)]


def ends(snapshot: dict[str, Any]) -> datetime | None:
    """The moment the first evidence of these words ends; None where nothing is claimed. Claims are in date."""
    return min((_end(one) for one in claims(snapshot)), default=None)


def is_day(text: str) -> bool:
    """Whether this is a date such as 2026-11-23."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _stands(claim: dict[str, str], at: datetime) -> bool:
    as_of = claim.get("as_of") or ""
    if not claim.get("evidence", "").strip() or not is_day(as_of) or not is_day(claim.get("until") or as_of):
        return False
    return _midnight(as_of) <= at < _end(claim)


def _end(claim: dict[str, str]) -> datetime:
    """From this moment (a UTC midnight) on the evidence proves nothing any more."""
    until = claim.get("until")
    return _midnight(until) if until else _midnight(claim["as_of"]) + LASTS


def _midnight(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(), tzinfo=UTC)
