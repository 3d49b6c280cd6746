"""What the registers of people who want no sales calls said; the database keeps it from being overlooked.

UK-21: PECR reg. 21 and 21(A). Whoever said yes to our calls in their own words may be called whatever a register says;
on any other ground the answer about calls is no until a list of the last 28 days (US: 31) is without the number.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from compliance import ledger
from compliance.models import CallScreening, Staff

By = Staff | str


@dataclass(frozen=True, slots=True)
class Screened:
    """What a register said of one client's number on a day."""

    client: int
    register: str
    is_listed: bool
    on: date


@transaction.atomic
def keep(screened: Iterable[Screened], *, source: str, by: By, at: datetime) -> int:
    """Keep what a register said of many; how many answers were new. The same answer again changes nothing."""
    rows = [
        CallScreening(
            client_id=one.client, register=one.register, is_listed=one.is_listed, screened_on=one.on,
            source=source[:80], recorded_at=at,
        )
        for one in screened
    ]  # fmt: skip
    before = _known(rows)
    CallScreening.objects.bulk_create(rows, ignore_conflicts=True)
    new = len({_key(one) for one in rows} - before)
    if new:
        facts = {"new": new, "listed": sum(one.is_listed for one in rows), "source": source[:80]}
        ledger.record("calls.screened", by=by, at=at, about="calls", facts=facts)
    return new


def _known(rows: list[CallScreening]) -> set[tuple[int, str, date, bool]]:
    found = CallScreening.objects.filter(
        client__in={one.client_id for one in rows}, screened_on__in={one.screened_on for one in rows}
    )
    return {_key(one) for one in found}


def _key(one: CallScreening) -> tuple[int, str, date, bool]:
    return one.client_id, one.register, one.screened_on, one.is_listed
