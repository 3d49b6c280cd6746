"""Consent receipts: what a client agreed to, parted as ISO/IEC TS 27560:2023 does, one for each yes and what followed.

The words that were shown and the record of the purpose are those of the day of the yes. Terms: Data Privacy Vocabulary.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.conf import settings

from compliance.models import Action, Channel, Client, ConsentEvent, Purpose, PurposeRecord
from compliance.packet_schemas import LIST, MAP, TEXT, inside, of_rows

YES = (Action.GIVEN, Action.CONFIRMED, Action.IMPORTED)
STATES = {
    Action.GIVEN: "dpv:ConsentGiven", Action.CONFIRMED: "dpv:ConsentGiven", Action.IMPORTED: "dpv:ConsentGiven",
    Action.REFUSED: "dpv:ConsentRefused", Action.WITHDRAWN: "dpv:ConsentWithdrawn",
    Action.OBJECTED: "dpv:ConsentWithdrawn", Action.GPC_ON: "dpv:ConsentWithdrawn",
    Action.EXPIRED: "dpv:ConsentExpired", Action.MERGED: "dpv:ConsentStatus",
}  # fmt: skip
SCHEMA = of_rows("What a client agreed to: a consent receipt for each yes", {
    "@context": TEXT, "@type": TEXT, "record_metadata": MAP, "pii_processing": MAP, "party_identification": LIST,
    "events": LIST,
})  # fmt: skip
SCHEMA["properties"]["record_metadata"] = inside({
    "schema_version": TEXT, "record_id": TEXT, "pii_principal_id": TEXT,
})  # fmt: skip
SCHEMA["properties"]["pii_processing"] = inside({
    "privacy_notice": [MAP, "null"], "language": TEXT, "purposes": LIST,
})  # fmt: skip
SCHEMA["properties"]["pii_processing"]["properties"]["purposes"]["items"] = inside({
    "purpose": TEXT, "purpose_name": TEXT, "channel": TEXT, "jurisdiction": TEXT, "lawful_basis": TEXT,
    "collection_method": TEXT, "processing_method": TEXT, "pii_information": TEXT, "retention_period": TEXT,
    "recipients": TEXT, "transfers": TEXT, "purpose_record": [MAP, "null"],
})  # fmt: skip
SCHEMA["properties"]["events"]["items"] = inside({
    "event_id": TEXT, "event_time": TEXT, "recorded_time": TEXT, "event_type": TEXT, "event_state": TEXT,
    "entity": TEXT, "valid_until": [TEXT, "null"],
})  # fmt: skip


def of(clients: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The receipts of these clients, by client and time of the yes."""
    records: dict[str, list[PurposeRecord]] = defaultdict(list)
    for one in PurposeRecord.objects.order_by("purpose", "version"):
        records[one.purpose].append(one)
    for client in Client.objects.filter(pk__in=clients).order_by("pk"):
        events = ConsentEvent.objects.filter(client=client).select_related("wording")
        told = list(events.order_by("occurred_at", "recorded_at", "pk"))
        for event in told:
            if event.action in YES:
                yield _receipt(client, event, _after(event, told), records[event.purpose])


def _after(yes: ConsentEvent, told: Iterable[ConsentEvent]) -> list[ConsentEvent]:
    """The yes and everything later that is about the same purpose and channel, or about all of its channels."""
    return [
        one
        for one in told
        if (one.occurred_at, one.recorded_at) >= (yes.occurred_at, yes.recorded_at)
        and one.purpose == yes.purpose
        and one.channel in (yes.channel, Channel.ANY)
    ]


def _receipt(
    client: Client, yes: ConsentEvent, events: list[ConsentEvent], records: list[PurposeRecord]
) -> dict[str, Any]:
    record = next((one for one in reversed(records) if one.made_at <= yes.occurred_at), None)
    facts = record.facts.get("processing", {}) if record else {}
    notice = yes.wording
    return {
        "@context": "https://w3id.org/dpv",
        "@type": "dpv:ConsentRecord",
        "record_metadata": {
            "schema_version": "ISO/IEC TS 27560:2023", "record_id": str(yes.pk), "pii_principal_id": str(client.ref),
        },
        "pii_processing": {
            "privacy_notice": notice and {"version": notice.version, "sha256": notice.sha256, "text": notice.text},
            "language": notice.language if notice else client.language,
            "purposes": [{
                "purpose": yes.purpose,
                "purpose_name": Purpose(yes.purpose).label,
                "channel": yes.channel,
                "jurisdiction": yes.jurisdiction,
                "lawful_basis": yes.basis,
                "collection_method": f"{yes.surface}, {yes.mechanism}",
                "processing_method": facts.get("what", ""),
                "pii_information": facts.get("data", ""),
                "retention_period": facts.get("kept", ""),
                "recipients": facts.get("recipients", ""),
                "transfers": facts.get("transfers", ""),
                "purpose_record": record and {"version": record.version, "digest": record.digest},
            }],
        },
        "party_identification": [{
            "party_role": "pii_controller", "party_name": settings.FIRM["legal_name"],
            "party_address": settings.FIRM["address"], "party_contact": settings.FIRM["sender"],
        }],
        "events": [{
            "event_id": str(one.pk),
            "event_time": one.occurred_at.isoformat(),
            "recorded_time": one.recorded_at.isoformat(),
            "event_type": one.action,
            "event_state": STATES[Action(one.action)],
            "entity": one.actor,
            "valid_until": one.valid_until and one.valid_until.isoformat(),
        } for one in events],
    }  # fmt: skip
