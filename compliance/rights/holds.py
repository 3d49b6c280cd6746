"""Legal holds: one person places one, two lift it, and while it binds nothing in its scope is deleted or erased."""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from compliance import ledger
from compliance.datamap import PersonalData, tables
from compliance.models import Hold, Staff
from compliance.rights import joined


class BadHold(ValueError):
    """A hold needs one client, one campaign or everything, and a reason. Nothing was written."""


class OnHold(Exception):
    """A hold keeps this. Nothing was deleted; the message names the hold."""


class AlreadyLifted(Exception):
    """Someone lifted it first, or nobody has asked yet for it to be lifted. Nothing was written."""


class NotYours(Exception):
    """Two compliance officers lift a hold; the message says who is missing. Nothing was written."""


@transaction.atomic
def place(
    scope: str, *, reason: str, by: Staff, at: datetime, client_id: int | None = None, campaign: str = ""
) -> Hold:
    """Keep everything in the scope until two people lift it. Raises BadHold."""
    reason, campaign = reason.strip(), campaign.strip()
    if not reason:
        raise BadHold("Say why: whoever lifts it has to know.")
    if (
        scope not in Hold.Scope.values
        or (scope == "client") != bool(client_id)
        or (scope == "campaign") != bool(campaign)
    ):
        raise BadHold("Name one client, one campaign, or everything.")
    made = Hold.objects.create(
        scope=scope, client_id=client_id, campaign=campaign[:80], reason=reason[:500], placed_by=by, placed_at=at
    )
    facts = {"scope": scope, "client": client_id, "campaign": campaign, "reason": reason[:500]}
    ledger.record("hold.placed", by=by, at=at, about=f"hold:{made.pk}", facts=facts)
    return made


@transaction.atomic
def ask_lift(hold_id: int, *, by: Staff, at: datetime) -> None:
    """The first of two: say that it may be lifted. Raises NotYours for who is no officer, AlreadyLifted."""
    _only_officers(by)
    won = Hold.objects.binding().filter(pk=hold_id, lift_asked_by=None).update(lift_asked_by=by, lift_asked_at=at)
    if not won:
        raise AlreadyLifted(hold_id)
    ledger.record("hold.lift_asked", by=by, at=at, about=f"hold:{hold_id}", facts={})


@transaction.atomic
def lift(hold_id: int, *, by: Staff, at: datetime) -> None:
    """The second of two: what it kept goes when it is due. Raises NotYours, also for the first, and AlreadyLifted."""
    _only_officers(by)
    found = Hold.objects.select_for_update().filter(pk=hold_id).first()
    if found is None or found.lifted_at is not None or found.lift_asked_by_id is None:
        raise AlreadyLifted(hold_id)
    if found.lift_asked_by_id == by.pk:
        raise NotYours("Two people lift a hold: somebody else has to agree.")
    Hold.objects.filter(pk=hold_id).update(lifted_by=by, lifted_at=at)
    ledger.record("hold.lifted", by=by, at=at, about=f"hold:{hold_id}", facts={})


def may_lift(by: Staff) -> bool:
    """Whether this person may be one of the two who lift a hold."""
    return by.is_officer


def _only_officers(by: Staff) -> None:
    if not may_lift(by):
        raise NotYours("Two compliance officers lift a hold.")


def over(client_ids: Iterable[int]) -> list[Hold]:
    """Every binding hold that keeps anything of these clients: theirs, a campaign's they had mail from, one of all."""
    wider, found = joined.everyone(client_ids), []
    for hold in Hold.objects.binding().order_by("pk"):
        if hold.scope == Hold.Scope.CAMPAIGN:
            held = any(_rows_of(hold.campaign, wider))
        else:
            held = hold.scope == Hold.Scope.EVERYTHING or hold.client_id in wider
        if held:
            found.append(hold)
    return found


def _rows_of(campaign: str, client_ids: set[int]) -> Iterable[bool]:
    for model, declared in tables():
        if declared.campaign:
            named = {f"{declared.client}__in": client_ids, declared.campaign: campaign}
            yield model._default_manager.filter(**named).exists()


def binding_rows(declared: PersonalData) -> Q:
    """The rows of a table that a hold keeps, as a filter; everything where everything is held."""
    kept = Q(pk__in=[])
    for hold in Hold.objects.binding():
        if hold.scope == Hold.Scope.EVERYTHING:
            return Q(pk__isnull=False)
        if hold.scope == Hold.Scope.CAMPAIGN:
            kept |= Q(**{declared.campaign: hold.campaign}) if declared.campaign else Q()
        else:
            # What was joined into another record since is held there.
            kept |= client_rows(declared, joined.everyone([hold.client_id]))  # type: ignore[list-item]
    return kept


def client_rows(declared: PersonalData, client_ids: Collection[int]) -> Q:
    """The rows of a table that name any of these clients."""
    if not declared.client:
        return Q(pk__in=[])
    if declared.client == "self":
        return Q(pk__in=client_ids)
    if declared.client.endswith("_ids"):
        return Q(**{f"{declared.client}__overlap": sorted(client_ids)})
    named = Q()
    for path in (declared.client, *declared.others):
        named |= Q(**{f"{path}__in": client_ids})
    return named
