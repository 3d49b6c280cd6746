"""Joining two records of one person: nothing is lost, the most restrictive consent holds, and it can be undone."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.db.models.fields.related import ForeignKey

from compliance import consent, ledger
from compliance.datamap import tables
from compliance.models import Client, ConsentEvent, ConsentState, Preference, Staff
from personalize.models import Attribute, Identity, MergeRequest, Profile

NAMES = ("email", "first_name", "last_name")


class AlreadyDecided(Exception):
    """Someone decided first, or one of the two is part of another record by now. Nothing was written."""


def request(kept_id: int, absorbed_id: int, *, reason: str, at: datetime) -> None:
    """Ask a person whether two identified clients are one; asked once per pair, in either order."""
    if kept_id == absorbed_id:
        return
    pair = Q(kept=kept_id, absorbed=absorbed_id) | Q(kept=absorbed_id, absorbed=kept_id)
    if not MergeRequest.objects.filter(pair).exclude(state="undone").exists():
        MergeRequest.objects.create(kept_id=kept_id, absorbed_id=absorbed_id, reason=reason[:200], asked_at=at)


@transaction.atomic
def merge(request_id: int, *, by: Staff, at: datetime) -> MergeRequest:
    """Join the two clients of a waiting request. Raises AlreadyDecided."""
    asked = _decide(request_id, "waiting", "merged", by=by, at=at)
    asked.moved = _join(asked.kept_id, asked.absorbed_id, by=by, at=at)
    asked.save(update_fields=["moved"])
    ledger.record("client.merged", by=by, at=at, about=f"client:{asked.kept_id}", facts=_facts(asked))
    return asked


@transaction.atomic
def refuse(request_id: int, *, by: Staff, at: datetime) -> MergeRequest:
    """Keep the two clients apart for good. Raises AlreadyDecided."""
    asked = _decide(request_id, "waiting", "refused", by=by, at=at)
    ledger.record("client.merge_refused", by=by, at=at, about=f"client:{asked.kept_id}", facts=_facts(asked))
    return asked


@transaction.atomic
def undo(request_id: int, *, by: Staff, at: datetime) -> MergeRequest:
    """Take a merge apart again: every row goes back to whom it came from. Raises AlreadyDecided.

    Refusals that the merge copied stay with both: an undo never turns a no into a yes.
    """
    asked = _decide(request_id, "merged", "undone", by=by, at=at)
    both = _lock(asked.kept_id, asked.absorbed_id)
    if both[asked.absorbed_id].merged_into_id != asked.kept_id:
        raise AlreadyDecided(request_id)
    moved = asked.moved
    for model, path in _movable():
        ids = moved.get("rows", {}).get(model._meta.label, [])
        model._default_manager.filter(**{"pk__in": ids, path: asked.kept_id}).update(**{path: asked.absorbed_id})
    for one in moved.get("swapped", []):
        _swap(asked.kept_id, asked.absorbed_id, key=one[0], origin=one[1])
    Identity.objects.filter(client=asked.kept_id, kind="user", value=moved["was"]["user_id"]).delete()
    # Only now: what protects a client moves between records of one person alone.
    Client.objects.filter(pk=asked.absorbed_id).update(merged_into=None, **moved["was"])
    Client.objects.filter(pk=asked.kept_id).update(**moved["kept_was"])
    _forget_derived(asked.kept_id, asked.absorbed_id)
    ledger.record("client.merge_undone", by=by, at=at, about=f"client:{asked.kept_id}", facts=_facts(asked))
    return asked


def join_device(kept_id: int, absorbed_id: int, *, by: str, at: datetime) -> None:
    """Join an anonymous client into the one it signed in as; recorded, so that it can be undone."""
    asked = MergeRequest.objects.create(  # first: the database joins nobody without it
        kept_id=kept_id, absorbed_id=absorbed_id, reason="an anonymous device signed in", state="merged",
        asked_at=at, decided_at=at,
    )  # fmt: skip
    asked.moved = _join(kept_id, absorbed_id, by=by, at=at)
    asked.save(update_fields=["moved"])


def _decide(request_id: int, was: str, becomes: str, *, by: Staff, at: datetime) -> MergeRequest:
    won = MergeRequest.objects.filter(pk=request_id, state=was).update(state=becomes, decided_by=by, decided_at=at)
    if not won:
        raise AlreadyDecided(request_id)
    return MergeRequest.objects.get(pk=request_id)


def _facts(asked: MergeRequest) -> dict[str, Any]:
    rows = {label: len(ids) for label, ids in asked.moved.get("rows", {}).items()}
    return {"request": asked.pk, "kept": asked.kept_id, "absorbed": asked.absorbed_id, "moved": rows}


def _lock(*ids: int) -> dict[int, Client]:
    return {one.pk: one for one in Client.objects.select_for_update().filter(pk__in=ids).order_by("pk")}


def _join(kept_id: int, absorbed_id: int, *, by: Staff | str, at: datetime) -> dict[str, Any]:
    """Move everything of one client to another; return what moved, for `undo`."""
    both = _lock(kept_id, absorbed_id)
    kept, absorbed = both[kept_id], both[absorbed_id]
    if kept.merged_into_id or absorbed.merged_into_id or kept.erased_at or absorbed.erased_at:
        raise AlreadyDecided(absorbed_id)
    consent.merge(kept_id, absorbed_id, by=by, at=at)
    _keep_strictest_preference(kept_id, absorbed_id, at=at)
    swapped = _keep_newest_attributes(kept_id, absorbed_id)
    # Before the rows: what protects a client moves between records of one person alone.
    Client.objects.filter(pk=absorbed_id).update(merged_into=kept_id, user_id=None, email="")
    moved = {}
    for model, path in _movable():
        ids = list(_free(model, path, kept_id, absorbed_id).values_list("pk", flat=True))
        if ids:
            model._default_manager.filter(pk__in=ids).update(**{path: kept_id})
            moved[model._meta.label] = [one if isinstance(one, int) else str(one) for one in ids]
    was = {"user_id": absorbed.user_id, **{name: getattr(absorbed, name) for name in NAMES}}
    kept_was = {name: getattr(kept, name) for name in NAMES}
    Client.objects.filter(pk=kept_id).update(
        **{name: kept_was[name] or was[name] for name in NAMES},
        first_seen_at=min(kept.first_seen_at, absorbed.first_seen_at),
        restricted_at=_either(min, kept.restricted_at, absorbed.restricted_at),
    )
    if absorbed.user_id:
        Identity.objects.create(kind="user", value=absorbed.user_id, client_id=kept_id, at=at)
    _forget_derived(kept_id, absorbed_id)
    return {"rows": moved, "swapped": swapped, "was": was, "kept_was": kept_was}


def _movable() -> list[tuple[type[Model], str]]:
    """Every table with a foreign key to the client, as the data map declares it, and that key's name.

    Consent stays where it was given: its rows are evidence nobody may change, and refusals are copied instead.
    Rows under a path ("message__client") follow their parent. A profile is worked out again.
    """
    stay = (Client, ConsentEvent, ConsentState, Preference, Profile, MergeRequest)
    return [
        (model, declared.client)
        for model, declared in tables()
        if model not in stay
        and not declared.stays
        and "__" not in declared.client
        and declared.client not in ("", "self")
        and isinstance(model._meta.get_field(declared.client), ForeignKey)
    ]


def _free(model: type[Model], path: str, kept_id: int, absorbed_id: int) -> QuerySet:
    """The absorbed client's rows that may move; a twin of a row the kept client has stays with the absorbed."""
    movable = model._default_manager.filter(**{path: absorbed_id})
    for constraint in model._meta.total_unique_constraints:
        if path not in constraint.fields:
            continue
        others = {name: OuterRef(name) for name in constraint.fields if name != path}
        movable = movable.exclude(Exists(model._default_manager.filter(**{path: kept_id}, **others)))
    return movable


def _keep_newest_attributes(kept_id: int, absorbed_id: int) -> list[tuple[str, str]]:
    """Where both have a value, the one with the later event time goes to the kept client."""
    newer = Attribute.objects.filter(client=absorbed_id).filter(
        Exists(
            Attribute.objects.filter(
                client=kept_id, key=OuterRef("key"), origin=OuterRef("origin"), at__lt=OuterRef("at")
            )
        )
    )
    swapped = list(newer.values_list("key", "origin"))
    for key, origin in swapped:
        _swap(kept_id, absorbed_id, key=key, origin=origin)
    return swapped


def _swap(kept_id: int, absorbed_id: int, *, key: str, origin: str) -> None:
    """Let two clients exchange their values of one attribute."""
    kept, absorbed = (Attribute.objects.get(client=one, key=key, origin=origin) for one in (kept_id, absorbed_id))
    for one, other in ((kept, absorbed), (absorbed, kept)):
        Attribute.objects.filter(pk=one.pk).update(value=other.value, source=other.source, at=other.at)


def _keep_strictest_preference(kept_id: int, absorbed_id: int, *, at: datetime) -> None:
    """The lower cap, the longer pause, and every topic or signal that either of them declined."""
    theirs = Preference.objects.filter(client=absorbed_id).first()
    if theirs is None:
        return
    ours, _ = Preference.objects.get_or_create(client_id=kept_id, defaults={"updated_at": at})
    ours.max_per_week = _either(min, ours.max_per_week, theirs.max_per_week)
    ours.pause_until = _either(max, ours.pause_until, theirs.pause_until)
    ours.hours = ours.hours or theirs.hours
    ours.topics_declined = sorted({*ours.topics_declined, *theirs.topics_declined})
    ours.signals_off = sorted({*ours.signals_off, *theirs.signals_off})
    ours.updated_at = at
    ours.save(update_fields=["max_per_week", "pause_until", "hours", "topics_declined", "signals_off", "updated_at"])


def _either(choose: Callable[..., Any], *values: Any) -> Any:
    given = [one for one in values if one is not None]
    return choose(given) if given else None


def _forget_derived(*ids: int) -> None:
    """Drop profiles, which are worked out again from the moved events."""
    Profile.objects.filter(client__in=ids).delete()
