"""The request desk: what a client asks as their right is received, known to be theirs, done, and closed with proof."""

from datetime import datetime

from django.db import transaction
from django.utils.timezone import localdate

from compliance import consent, ledger
from compliance.models import Asked, Client, Staff
from compliance.rights import clocks, erasure, joined

By = Staff | str


class BadRequestOfRights(ValueError):
    """The step needs what is named. Nothing was written."""


class AlreadyClosed(Exception):
    """Someone closed it first. Nothing was written."""


@transaction.atomic
def receive(client_id: int, kind: str, *, came_by: str, words: str = "", by: By, at: datetime) -> Asked:
    """Take a request in; its clock runs from now. An objection to marketing is in force before this returns.

    Raises BadRequestOfRights. The same kind asked again while one waits is the one that waits.
    """
    if kind not in Asked.Kind.values or not came_by.strip():
        raise BadRequestOfRights("Say what is asked, and how it came.")
    client_id = joined.survivor(client_id)
    person = Client.objects.select_for_update().get(pk=client_id)
    if person.erased_at:
        raise BadRequestOfRights("This client was erased.")
    if waits := Asked.objects.waiting().filter(client=person, kind=kind).first():
        return waits
    clock = clocks.of(kind, person.jurisdiction)
    made = Asked.objects.create(
        client=person, kind=kind, jurisdiction=person.jurisdiction, came_by=came_by.strip()[:40], words=words.strip(),
        received_at=at, due_on=clock.due(localdate(at)), source=clock.source,
    )  # fmt: skip
    facts = {"kind": kind, "client": client_id, "due": made.due_on.isoformat()}
    ledger.record("request.received", by=by, at=at, about=f"request:{made.pk}", facts=facts)
    if kind == Asked.Kind.OBJECTION:
        consent.object_to_marketing(client_id, surface=f"request:{made.pk}", mechanism="button", by=by, at=at)
    return made


@transaction.atomic
def know(asked_id: int, *, how: str, by: Staff, at: datetime) -> None:
    """Say that the person is who they say, and how that was found out. Raises BadRequestOfRights, AlreadyClosed."""
    if not how.strip():
        raise BadRequestOfRights("Say how you know that it is them.")
    _move(asked_id, "request.identity_checked", by, at, known_by=by, known_at=at, known_how=how.strip()[:200])


@transaction.atomic
def extend(asked_id: int, *, why: str, by: Staff, at: datetime) -> None:
    """Use the one extension that the law allows. Raises BadRequestOfRights, AlreadyClosed."""
    found = Asked.objects.select_for_update().get(pk=asked_id)
    clock = clocks.of(found.kind, found.jurisdiction)
    received = localdate(found.received_at)
    if not why.strip() or found.extended_at or clock.extended(received) == clock.due(received):
        raise BadRequestOfRights("A request is extended once, with a reason, and only where the law allows it.")
    if localdate(at) > found.due_on:
        raise BadRequestOfRights("The day to answer has passed: it can no longer be extended.")
    due, why = clock.extended(received), why.strip()[:300]
    _move(asked_id, "request.extended", by, at, extended_why=why, extended_at=at, due_on=due)


@transaction.atomic
def close(asked_id: int, *, answer: str, is_refused: bool = False, by: Staff, at: datetime) -> Asked:
    """Do what was asked, unless it is refused, and close with the answer the client gets; the proof is the entry.

    An erasure erases, a restriction restricts. Raises BadRequestOfRights, AlreadyClosed, holds.OnHold.
    """
    found = Asked.objects.select_for_update().get(pk=asked_id)
    if found.closed_at:
        raise AlreadyClosed(asked_id)
    if not answer.strip():
        raise BadRequestOfRights("Write the answer that the client gets.")
    if not is_refused and found.known_at is None and found.kind != Asked.Kind.OBJECTION:
        raise BadRequestOfRights("First find out that it is them.")
    late = not found.is_at_once and localdate(at) > found.due_on
    facts = {"kind": found.kind, "client": found.client_id, "refused": is_refused, "late": late}
    proof = ledger.record("request.closed", by=by, at=at, about=f"request:{asked_id}", facts=facts)
    Asked.objects.filter(pk=asked_id).update(
        answer=answer.strip(), is_refused=is_refused, closed_by=by, closed_at=at, proof=proof
    )
    if not is_refused and found.kind == Asked.Kind.ERASURE:
        erasure.erase(found.client_id, why=f"request {asked_id} of the client", by=by, at=at)
    elif not is_refused and found.kind == Asked.Kind.RESTRICTION:
        restrict(found.client_id, why=f"request {asked_id} of the client", by=by, at=at)
    found.refresh_from_db()
    return found


@transaction.atomic
def may_hand_over(asked_id: int) -> Asked:
    """The request whose copy may be handed over, held until the transaction ends. BadRequestOfRights, AlreadyClosed."""
    found = Asked.objects.select_for_update().get(pk=asked_id)
    if found.kind not in (Asked.Kind.ACCESS, Asked.Kind.PORTABILITY):
        raise BadRequestOfRights("No copy was asked for.")
    if found.closed_at:
        raise AlreadyClosed(asked_id)
    if found.known_at is None:
        raise BadRequestOfRights("First find out that it is them.")
    return found


@transaction.atomic
def restrict(client_id: int, *, why: str, by: By, at: datetime) -> None:
    """From now on the client's data are kept and proven with, and used for nothing else (GDPR Art. 18)."""
    client_id = joined.survivor(client_id)
    consent.lock(client_id)
    if Client.objects.filter(pk=client_id, restricted_at=None).update(restricted_at=at):
        ledger.record("client.restricted", by=by, at=at, about=f"client:{client_id}", facts={"why": why[:200]})


@transaction.atomic
def lift_restriction(client_id: int, *, why: str, by: Staff, at: datetime) -> None:
    """Use them again, after the client was told (GDPR Art. 18(3)). Raises BadRequestOfRights, AlreadyClosed.

    Compliance officers alone decide it; without a reason nobody does.
    """
    if not by.is_officer:
        raise BadRequestOfRights("Only a compliance officer lets a client's data be used again.")
    if not why.strip():
        raise BadRequestOfRights("Say why, and that the client was told.")
    client_id = joined.survivor(client_id)
    consent.lock(client_id)
    if not Client.objects.exclude(restricted_at=None).filter(pk=client_id, erased_at=None).update(restricted_at=None):
        raise AlreadyClosed(client_id)
    ledger.record("client.restriction_lifted", by=by, at=at, about=f"client:{client_id}", facts={"why": why[:200]})


def _move(asked_id: int, deed: str, by: Staff, at: datetime, **fields: object) -> None:
    if not Asked.objects.waiting().filter(pk=asked_id).update(**fields):
        raise AlreadyClosed(asked_id)
    ledger.record(deed, by=by, at=at, about=f"request:{asked_id}", facts={})
