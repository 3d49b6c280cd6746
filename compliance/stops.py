"""Kill switches: one person stops, two start again. What is thrown is read by the last gate, inside its transaction."""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.http import HttpRequest

from compliance import ledger
from compliance.models import Channel, Staff, Stop, StopScope, Topic


class BadSwitch(ValueError):
    """The switch cannot be thrown like this; the message says why. Nothing was written."""


class AlreadyThrown(Exception):
    """The same switch is thrown already. Nothing was written."""


class NotYours(Exception):
    """Somebody else has to do this; the message says who. Nothing was written."""


class AlreadyReleased(Exception):
    """The switch was released, or its release is in another state than you saw. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Thrown:
    """Everything that is stopped now, by scope."""

    everything: bool
    targets: frozenset[tuple[str, str]]

    def stops(self, scope: str, *targets: str) -> bool:
        """Whether one of these is stopped by a switch of its own scope."""
        return any((scope, one) in self.targets for one in targets)

    def __bool__(self) -> bool:
        return self.everything or bool(self.targets)


def thrown() -> Thrown:
    """What is stopped at this moment."""
    rows = list(Stop.objects.thrown().values_list("scope", "target"))
    return Thrown((StopScope.EVERYTHING, "") in rows, frozenset(rows))


def shown(request: HttpRequest) -> dict[str, object]:
    """For every page of ours: `stopped`, asked of the database only by a template that shows it."""
    return {"stopped": thrown}


@transaction.atomic
def throw(scope: str, target: str, *, reason: str, by: Staff, at: datetime) -> Stop:
    """Stop it: when this commits no hand-over begins any more, beyond the message that a worker holds already.

    Raises BadSwitch, AlreadyThrown.
    """
    target, reason = ("" if scope == StopScope.EVERYTHING else target.strip()), reason.strip()
    if fault := _fault(scope, target, reason):
        raise BadSwitch(fault)
    try:
        with transaction.atomic():
            made = Stop.objects.create(scope=scope, target=target, reason=reason[:500], thrown_by=by, thrown_at=at)
    except IntegrityError:
        raise AlreadyThrown(scope, target) from None
    facts = {"scope": scope, "target": target, "reason": reason[:500]}
    ledger.record("stop.thrown", by=by, at=at, about=f"stop:{made.pk}", facts=facts)
    return made


@transaction.atomic
def ask_release(stop_id: int, *, by: Staff, at: datetime) -> None:
    """The first of two: say that it may go on, also for one who asked and left. Raises NotYours, AlreadyReleased."""
    _only_reviewers(by)
    found = Stop.objects.select_for_update(of=("self",)).select_related("release_asked_by").filter(pk=stop_id).first()
    if found is None or found.released_at is not None or asked_by(found) is not None:
        raise AlreadyReleased(stop_id)
    found.release_asked_by, found.release_asked_at = by, at
    found.save(update_fields=["release_asked_by", "release_asked_at"])
    ledger.record("stop.release_asked", by=by, at=at, about=f"stop:{stop_id}", facts={})


@transaction.atomic
def release(stop_id: int, *, by: Staff, at: datetime) -> None:
    """The second of two: it goes on when this commits. Raises NotYours for the first, AlreadyReleased."""
    _only_reviewers(by)
    found = Stop.objects.select_for_update(of=("self",)).select_related("release_asked_by").filter(pk=stop_id).first()
    if found is None or found.released_at is not None or (first := asked_by(found)) is None:
        raise AlreadyReleased(stop_id)
    if first.pk == by.pk:
        raise NotYours("You asked for it to be released, so somebody else has to agree.")
    found.released_by, found.released_at = by, at
    found.save(update_fields=["released_by", "released_at"])
    ledger.record("stop.released", by=by, at=at, about=f"stop:{stop_id}", facts={})


def asked_by(one: Stop) -> Staff | None:
    """Who said that it may go on and still reviews; nobody where they left, and then somebody else says so."""
    first = one.release_asked_by
    return first if first is not None and first.reviews else None


def _only_reviewers(by: Staff) -> None:
    if not by.reviews:
        raise NotYours("Two people who review start again what was stopped; an administrator is neither of them.")


def _fault(scope: str, target: str, reason: str) -> str:
    if scope not in StopScope.values:
        return "Say what is to be stopped."
    if not reason:
        return "Say why: whoever starts it again has to know."
    if scope != StopScope.EVERYTHING and not target:
        return f"Say which {scope} is to be stopped."
    if len(target) > 80:
        return "A name has at most 80 characters."
    if scope == StopScope.CHANNEL and target not in Channel.values:
        return f"There is no channel “{target}”."
    if scope == StopScope.TOPIC and not Topic.objects.filter(code=target).exists():
        return f"There is no topic “{target}”."
    return ""
