"""Facts from downstream: market signals, and what happened to clients later."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from personalize import identity
from personalize.models import MarketSignal, Outcome


@dataclass(frozen=True, slots=True)
class Told:
    """One outcome of one client, as another system tells it."""

    user_id: str
    kind: str
    value: float
    at: datetime


class NobodyHas(ValueError):
    """Some user ids name no client; `positions` says which items. Nothing was written."""

    def __init__(self, positions: list[int]) -> None:
        super().__init__(f"items {positions}")
        self.positions = positions


@transaction.atomic
def signal(kind: str, value: float, *, effective_at: datetime, source: str) -> bool:
    """Keep a market signal; one of the same kind and moment is corrected. True when it is new."""
    _, is_new = MarketSignal.objects.update_or_create(
        kind=kind, effective_at=effective_at, defaults={"value": value, "source": source[:80]}
    )
    return is_new


@transaction.atomic
def outcomes(told: Sequence[Told], *, source: str, at: datetime) -> int:
    """Keep outcomes, each (client, kind, moment) once; how many were new. Raises NobodyHas before writing any."""
    ids = identity.named([one.user_id for one in told], create=False, at=at)
    missing = [position for position, one in enumerate(told) if one.user_id not in ids]
    if missing:
        raise NobodyHas(missing)
    rows = [
        Outcome(client_id=ids[one.user_id], kind=one.kind, value=one.value, at=one.at, source=source[:80])
        for one in told
    ]
    before = Outcome.objects.filter(client__in=ids.values()).count()
    Outcome.objects.bulk_create(rows, ignore_conflicts=True)
    return Outcome.objects.filter(client__in=ids.values()).count() - before
