"""How fast mail leaves for each provider: set by people, slowed by a provider that asks for it."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import Q

from campaigns.bulk import paces as bulk
from campaigns.models import Pace, PaceDomain
from campaigns.models.pace import EVERYBODY
from compliance import ledger
from compliance.models import Staff

DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+")
SLOW = timedelta(minutes=5)
SHORT = timedelta(seconds=1)  # nobody asks again sooner


class BadPace(ValueError):
    """The pace cannot be kept; the text says why. Nothing was written."""


class Addressed(Protocol):
    """Something that goes to an address."""

    @property
    def address(self) -> str:
        """Normalised."""
        ...


T = TypeVar("T", bound=Addressed)


@transaction.atomic
def keep(
    *,
    name: str,
    domains: Iterable[str],
    per_minute: int,
    warm_from: date | None = None,
    warm_first: int = 200,
    warm_growth: float = 1.5,
    by: Staff | str,
    at: datetime,
) -> Pace:
    """Set the pace of some domains, in force for the next claim. A pace of this name is changed. Raises BadPace."""
    wanted = sorted({one.strip().lower() for one in domains} - {""})
    if not 0 < len(name.strip()) <= 60:
        raise BadPace("A pace has a name of 1 to 60 characters.")
    if not wanted or any(one != EVERYBODY and not DOMAIN.fullmatch(one) for one in wanted):
        raise BadPace("Name domains such as mail.example, or * for all others.")
    if not 1 <= per_minute <= 1_000_000:
        raise BadPace("A pace is 1 to 1,000,000 messages a minute.")
    if not (1 <= warm_first <= 10_000_000 and 1 <= warm_growth <= 10):
        raise BadPace("A warm-up begins with at least one message and grows 1 to 10 times a day.")
    if PaceDomain.objects.filter(domain__in=wanted).exclude(pace__name=name.strip()).exists():
        raise BadPace("One of these domains keeps another pace already.")
    warm = {"warm_from": warm_from, "warm_first": warm_first, "warm_growth": warm_growth}
    try:
        with transaction.atomic():
            pace, _ = Pace.objects.update_or_create(
                name=name.strip(),
                defaults={"per_minute": per_minute, **warm},
                create_defaults={"per_minute": per_minute, **warm, "filled_at": at, "tokens": 1},
            )
            pace.domains.exclude(domain__in=wanted).delete()
            PaceDomain.objects.bulk_create([PaceDomain(domain=one, pace=pace) for one in wanted], ignore_conflicts=True)
    except IntegrityError:
        raise BadPace("Somebody set this pace in the same moment. Please look again.") from None
    facts = {"per_minute": per_minute, "domains": wanted, "warm_from": warm_from and warm_from.isoformat()}
    ledger.record("pace.kept", by=by, at=at, about=f"pace:{pace.pk}", facts=facts)
    return pace


@transaction.atomic
def take_away(pace_id: int, *, by: Staff, at: datetime) -> bool:
    """Let mail to these domains go as fast as it can; False when the pace was gone."""
    pace = Pace.objects.filter(pk=pace_id).first()
    if pace is None:
        return False
    ledger.record("pace.taken_away", by=by, at=at, about=f"pace:{pace.pk}", facts={"name": pace.name})
    pace.delete()
    return True


def admit(letters: Sequence[T], *, at: datetime) -> tuple[list[T], list[tuple[T, datetime]]]:
    """(those that may go now, in order; the others with when to ask again). Tokens are taken for the first."""
    if not letters or not Pace.objects.exists():
        return list(letters), []
    domains = Counter(domain(one.address) for one in letters)
    given = bulk.take(domains, at=at)
    paces = bulk.of_domains([*domains, EVERYBODY])
    left = {pace: granted for pace, (granted, _) in given.items()}
    go: list[T] = []
    held: dict[int, list[T]] = {}
    for one in letters:
        pace = paces.get(domain(one.address), paces.get(EVERYBODY))
        if pace is None or pace not in left:
            go.append(one)
        elif left[pace] > 0:
            left[pace] -= 1
            go.append(one)
        else:
            held.setdefault(pace, []).append(one)
    # Each waits for a time of its own, so that a long queue to one provider is not looked at again and again.
    booked = bulk.book({pace: (len(ones), max(given[pace][1], at + SHORT)) for pace, ones in held.items()})
    wait = [
        (one, booked[pace][0] + place * booked[pace][1])
        for pace, ones in held.items()
        for place, one in enumerate(ones)
    ]
    return go, wait


def slow(address: str, *, at: datetime) -> None:
    """A provider answered 421: it wants less of us, so nothing goes to this domain for some minutes."""
    name = domain(address)
    slowed = Pace.objects.filter(domains__domain=name).filter(Q(slow_until=None) | Q(slow_until__lt=at + SLOW))
    if not slowed.update(slow_until=at + SLOW) and not PaceDomain.objects.filter(domain=name).exists():
        keep(name=name[:60], domains=[name], per_minute=600, by="system:mail", at=at)
        Pace.objects.filter(domains__domain=name).update(slow_until=at + SLOW)


def domain(address: str) -> str:
    """What is behind the @, in lower case."""
    return address.rpartition("@")[2].lower()
