"""Calm: in a stressed market what presses is closed at once, and only two people open it again.

N8. A market signal begins it by itself, in the transaction that keeps the signal (trigger `a_signal_begins_calm`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.http import HttpRequest

from campaigns.models import Calm
from campaigns.wellbeing import policy
from compliance import ledger
from compliance.models import Staff


class AlreadyCalm(Exception):
    """Calm holds already. Nothing was written."""


class NoReason(ValueError):
    """Calm begins with a reason, which is kept. Nothing was written."""


class NotYours(Exception):
    """Somebody else has to do this; the message says who. Nothing was written."""


class NotCalm(Exception):
    """Calm was lifted, or stands otherwise than you saw. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Closes:
    """What is closed while calm holds."""

    pressing: bool
    topics: frozenset[str]

    def closes(self, *, presses: bool, topics: Iterable[str]) -> bool:
        """Whether words like these may not be chosen."""
        return (self.pressing and presses) or not self.topics.isdisjoint(topics)


NOTHING = Closes(pressing=False, topics=frozenset())


def current(*, at: datetime) -> Calm | None:
    """The calm that holds at `at`, with its policy and people."""
    people = ("policy", "begun_by", "lift_asked_by")
    return Calm.objects.filter(lifted_at=None, began_at__lte=at).select_related(*people).first()


def closes(*, at: datetime) -> Closes:
    """What is closed at `at`."""
    calm = current(at=at)
    if calm is None:
        return NOTHING
    return (
        Closes(calm.policy.closes_pressing, frozenset(calm.policy.topics)) if calm.policy else Closes(True, frozenset())
    )


def shown(request: HttpRequest) -> dict[str, object]:
    """For every page of ours: `calm`, asked of the database only by a template that shows it."""
    return {"calm": lambda: Calm.objects.filter(lifted_at=None).first()}


@transaction.atomic
def begin(*, reason: str, by: Staff, at: datetime) -> Calm:
    """One person closes what presses. Raises NoReason or AlreadyCalm."""
    if not reason.strip():
        raise NoReason
    try:
        with transaction.atomic():
            made = Calm.objects.create(
                began_at=at, reason=reason.strip()[:300], begun_by=by, policy=policy.in_force(at=at)
            )
    except IntegrityError:
        raise AlreadyCalm from None
    ledger.record("calm.begun", by=by, at=at, about=f"calm:{made.pk}", facts={"reason": made.reason})
    return made


@transaction.atomic
def ask_lift(calm_id: int, *, by: Staff, at: datetime) -> None:
    """The first of two: say that calm may end, also for one who asked and left. Raises NotYours or NotCalm."""
    _only_reviewers(by)
    found = _held(calm_id)
    if found is None or asked_by(found) is not None:
        raise NotCalm(calm_id)
    Calm.objects.filter(pk=calm_id).update(lift_asked_by=by, lift_asked_at=at)
    ledger.record("calm.lift_asked", by=by, at=at, about=f"calm:{calm_id}", facts={})


@transaction.atomic
def lift(calm_id: int, *, by: Staff, at: datetime) -> None:
    """The second of two: what was closed is open when this commits. Raises NotYours for the first, NotCalm."""
    _only_reviewers(by)
    found = _held(calm_id)
    if found is None or (first := asked_by(found)) is None:
        raise NotCalm(calm_id)
    if first.pk == by.pk:
        raise NotYours("You said that calm may end, so somebody else has to agree.")
    Calm.objects.filter(pk=calm_id).update(lifted_by=by, lifted_at=at)
    ledger.record("calm.lifted", by=by, at=at, about=f"calm:{calm_id}", facts={})


def asked_by(one: Calm) -> Staff | None:
    """Who said that calm may end and still reviews; nobody where they left, and then somebody else says so."""
    first = one.lift_asked_by
    return first if first is not None and first.reviews else None


def _held(calm_id: int) -> Calm | None:
    held = Calm.objects.select_for_update(of=("self",)).select_related("lift_asked_by")
    return held.filter(pk=calm_id, lifted_at=None).first()


def _only_reviewers(by: Staff) -> None:
    if not by.reviews:
        raise NotYours("Two people who review end calm; an administrator is neither of them.")
