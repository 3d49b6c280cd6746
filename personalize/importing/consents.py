"""Consents from another system. A yes counts only with the wording it was given under; a no always counts."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from compliance import wordings
from compliance.consent import WITHOUT_CHANNEL
from compliance.models import Action, Channel, Client, ConsentEvent, Purpose, Wording
from personalize import identity, ingest
from personalize.importing.table import Fault, Kind, Row, moment, text

NAMESPACE = uuid.UUID("6f2b8a52-9f5e-5a0c-8d8b-6f0e0a3d1c11")
YES = frozenset({"true", "yes", "1", "granted", "given", "subscribed", "subscribe", "opt-in"})
NO = frozenset({"false", "no", "0", "denied", "refused", "withdrawn", "unsubscribed", "unsubscribe", "opt-out"})


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """One checked row. `wording` None: the file does not say which words were shown."""

    user_id: str
    purpose: str
    channel: str
    granted: bool
    wording: Wording | None
    surface: str
    at: datetime


def kind(*, source: str, by: str, at: datetime) -> Kind[ConsentRow]:
    """How consents are imported; `source` goes into each one's evidence."""
    wording = cache(wordings.get)
    return Kind(
        "consents",
        required=(("user_id", "userId"), ("purpose",), ("granted",), ("occurred_at", "at")),
        optional=frozenset({"channel", "wording_version", "source"}),
        prefixes=(),
        check=lambda row: check(row, at=at, source=source, find=wording),
        write=lambda clean: write(clean, source=source, by=by, at=at),
    )


def check(row: Row, *, at: datetime, source: str, find: Callable[[str], Wording]) -> ConsentRow:
    """The row's clean form; `find` looks a wording up. Raises Fault."""
    user_id = text(row, "user_id", "userId", longest=ingest.LONGEST_ID, required=True)
    purpose = text(row, "purpose", longest=16, required=True).lower()
    if purpose not in Purpose.values:
        raise Fault("purpose", f"must be one of {', '.join(Purpose.values)}")
    channel = text(row, "channel", longest=8).lower() or Channel.ANY
    if channel not in Channel.values:
        raise Fault("channel", f"must be one of {', '.join(Channel.values)}")
    granted = _granted(row)
    if purpose in WITHOUT_CHANNEL:
        channel = Channel.ANY
    elif granted and channel == Channel.ANY:
        raise Fault("channel", f"a yes to {purpose} names its channel")
    when = moment(row, "occurred_at", "at", at=at)
    if when is None:
        raise Fault("occurred_at", "is missing")
    wording = _wording(text(row, "wording_version", longest=80), when, find) if granted else None
    return ConsentRow(user_id, purpose, channel, granted, wording, text(row, "source", longest=80) or source, when)


def _granted(row: Row) -> bool:
    given = str(row.values.get("granted")).strip().lower()
    if given not in YES | NO:
        raise Fault("granted", "must be true or false")
    return given in YES


def _wording(version: str, when: datetime, find: Callable[[str], Wording]) -> Wording | None:
    if not version:
        return None
    try:
        wording = find(version)
    except Wording.DoesNotExist:
        raise Fault("wording_version", "is not known") from None
    if when < wording.in_force_from or (wording.in_force_to and when >= wording.in_force_to):
        raise Fault("wording_version", "was not in force at that time")
    return wording


def write(
    clean: Sequence[tuple[int, ConsentRow]], *, source: str, by: str, at: datetime
) -> tuple[int, dict[int, Fault]]:
    """Keep the consents of known clients; how many were new. The same row has the same id and counts once."""
    ids = identity.named([one.user_id for _, one in clean], create=False, at=at)
    homes = dict(Client.objects.filter(pk__in=ids.values()).values_list("pk", "jurisdiction"))
    faults = {number: Fault("user_id", "nobody has it") for number, one in clean if one.user_id not in ids}
    events: dict[uuid.UUID, ConsentEvent] = {}
    for number, one in clean:
        if number in faults:
            continue
        client = ids[one.user_id]
        action = Action.IMPORTED if one.granted else Action.WITHDRAWN
        named = f"{client}|{one.purpose}|{one.channel}|{action}|{one.at.isoformat()}|{one.surface}"
        event = ConsentEvent(
            id=uuid.uuid5(NAMESPACE, named), client_id=client, purpose=one.purpose, channel=one.channel,
            jurisdiction=homes[client], action=action, wording=one.wording, surface=one.surface,
            mechanism="import", occurred_at=one.at, recorded_at=at, actor=by,
            evidence={"file": source, "row": number},
        )  # fmt: skip
        events.setdefault(event.pk, event)
    old = set(ConsentEvent.objects.filter(pk__in=events).values_list("pk", flat=True))
    ConsentEvent.objects.bulk_create([one for key, one in events.items() if key not in old], ignore_conflicts=True)
    return len(events) - len(old), faults
