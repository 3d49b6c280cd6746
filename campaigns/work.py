"""How the sending stands: what is due, in hand, in doubt and overdue, and whether every run's numbers still add up.

Read from the rows themselves, which are the truth whatever processes run; /metrics and the officers' page say the same.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Min, Q
from django.utils.timezone import now

from campaigns import board
from campaigns.models import Message, MessageState, Run
from campaigns.runs import Counts
from compliance import bulk, lately, restores
from compliance.models import Checkpoint, LedgerEntry

HELD_BY_WORKERS = (MessageState.CLAIMED, MessageState.INTENT)
LATEST_RUNS = 20
SETTLED = "mail.settled"
KEPT_S = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Work:
    """The work at one moment; ages in seconds, None where there was nothing to be old.

    overdue_s: age of the oldest message that should have gone · expired: held by a worker beyond its lease, for the
    reaper to take back · settled_s: since the mail server last took something from this installation · sealed_s: since
    the last signed checkpoint · unsealed: newer ledger entries · restored_s: since a restored backup was last found
    whole · clock_s: this process's clock minus the database's
    """

    overdue_s: float | None
    in_hand: int
    expired: int
    in_doubt: int
    settled_s: float | None
    sealed_s: float | None
    unsealed: int
    restored_s: float | None
    clock_s: float


def stands(*, at: datetime) -> Work:
    """The work now. A few index reads; nothing is read for each message of a run."""
    due = Message.objects.filter(state=MessageState.PENDING, due_at__lte=at).aggregate(oldest=Min("due_at"))["oldest"]
    held = Message.objects.filter(state__in=HELD_BY_WORKERS).aggregate(
        all=Count("pk"), expired=Count("pk", filter=Q(lease_until__lt=at))
    )
    head = Checkpoint.objects.order_by("-size").first()
    return Work(
        overdue_s=(at - due).total_seconds() if due else None,
        in_hand=held["all"],
        expired=held["expired"],
        in_doubt=Message.objects.filter(state=MessageState.UNCONFIRMED).count(),
        settled_s=(at - told).total_seconds() if (told := cache.get(SETTLED)) else None,
        sealed_s=(at - head.at).total_seconds() if head else None,
        unsealed=LedgerEntry.objects.count() if head is None else _newer(head),
        restored_s=(at - restored.at).total_seconds() if (restored := restores.last()) else None,
        clock_s=clock_difference(),
    )


def settled(*, at: datetime) -> None:
    """A worker says that the mail server took something. A hint for whoever watches, and no record."""
    cache.set(SETTLED, at, KEPT_S)


def clock_difference() -> float:
    """Seconds by which this process's clock is ahead of the database's; half the round trip is taken off."""
    before = now()
    theirs = bulk.clock()
    after = now()
    return (before + (after - before) / 2 - theirs).total_seconds()


def reconciled(*, at: datetime) -> tuple[datetime, list[tuple[Run, Counts]]]:
    """The latest runs with their numbers, newest first: everybody planned for is sent, waiting, or accounted for.

    Counting reads every message of these runs, so it is done once a minute however many look; and when it was.
    """
    found = lately.told("work.reconciled", _counted, for_s=60, at=at)
    runs = Run.objects.select_related("campaign").in_bulk([int(one) for one in found.value])
    return found.at, [(runs[int(one)], Counts(**numbers)) for one, numbers in found.value.items()]


def _counted() -> dict[int, dict[str, Any]]:
    latest = list(Run.objects.order_by("-launched_at", "-pk")[:LATEST_RUNS])
    numbers = board.counts(latest)
    return {one.pk: numbers[one.pk].facts() for one in latest}


def _newer(head: Checkpoint) -> int:
    """Entries that the next checkpoint will cover; they are numbered as they come."""
    return LedgerEntry.objects.filter(Q(xid__gt=head.last_xid) | Q(xid=head.last_xid, pk__gt=head.last_entry)).count()
