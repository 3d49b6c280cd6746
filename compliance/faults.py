"""Chores that do one thing after another: each for itself. What fails is logged, shown to officers and tried again."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest

from compliance.models import Fault

log = logging.getLogger(__name__)
Done = TypeVar("Done")


def each(chore: str, things: Iterable[tuple[str, Callable[[], Done]]], *, at: datetime) -> dict[str, Done]:
    """Do every one of them, whatever becomes of the others: name → what it came to; those that failed are absent.

    things  (name, deed), all that the chore has to do now: what failed before and is not among them has ended.
            The name is as the ledger would say it; a deed is its own transaction
    """
    done: dict[str, Done] = {}
    failed: set[int] = set()
    for about, deed in things:
        try:
            done[about] = deed()
        except Exception as why:
            log.exception("chore.failed", extra={"chore": chore, "about": about})
            failed.add(_failed(chore, about, type(why).__name__, at=at))
            if isinstance(why, SoftTimeLimitExceeded):  # the worker's time is up: the next sweep goes on
                raise
        else:
            Fault.objects.filter(chore=chore, about=about[:120], ended_at=None).update(ended_at=at)
    Fault.objects.filter(chore=chore, ended_at=None).exclude(pk__in=failed).update(ended_at=at)
    return done


def open_ones() -> QuerySet[Fault]:
    """What cannot be done yet, the longest first."""
    return Fault.objects.filter(ended_at=None).order_by("first_at", "pk")


@transaction.atomic
def _failed(chore: str, about: str, why: str, *, at: datetime) -> int:
    """Keep that it failed; the fault's id. A clock that went back moves nothing back."""
    made, is_new = Fault.objects.get_or_create(
        chore=chore, about=about[:120], ended_at=None, defaults={"why": why[:120], "first_at": at, "last_at": at}
    )
    if not is_new:
        Fault.objects.filter(pk=made.pk).update(why=why[:120], times=F("times") + 1, last_at=Greatest("last_at", at))
    return made.pk
