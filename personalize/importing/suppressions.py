"""Addresses nobody may write to, from another system's list. Only a keyed hash of each is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from compliance import contact
from compliance.models import Channel, Suppression
from personalize.importing.table import Fault, Kind, Row, moment, text

# What other systems call it; a list of *all* contacts carries other states, and those are not suppressions.
REASONS = {
    "": "imported", "imported": "imported", "suppressed": "imported", "blocklisted": "imported",
    "unsubscribed": "unsubscribed", "unsubscribe": "unsubscribed", "opted_out": "unsubscribed",
    "bounced": "hard_bounce", "hard_bounce": "hard_bounce", "cleaned": "hard_bounce",
    "complained": "complaint", "complaint": "complaint", "spam": "complaint",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SuppressionRow:
    """One checked row."""

    key: bytes
    channel: str
    reason: str
    source: str
    since: datetime


def kind(*, source: str, at: datetime) -> Kind[SuppressionRow]:
    """How suppressions are imported."""
    return Kind(
        "suppressions",
        required=(("email", "address", "phone"),),
        optional=frozenset({"channel", "reason", "status", "source", "since", "subscribed_at", "name"}),
        prefixes=(),
        check=lambda row: check(row, source=source, at=at),
        write=write,
    )


def check(row: Row, *, source: str, at: datetime) -> SuppressionRow:
    """The row's clean form. Raises Fault."""
    channel = text(row, "channel", longest=8).lower() or (Channel.PHONE if row.values.get("phone") else Channel.EMAIL)
    if channel not in Channel.values or channel == Channel.ANY:
        raise Fault("channel", "is not a channel")
    address = text(row, "email", "address", "phone", longest=254, required=True)
    if channel == Channel.EMAIL:
        try:
            validate_email(contact.normalise(address))
        except ValidationError:
            raise Fault("email", "is not an e-mail address") from None
    elif channel in (Channel.SMS, Channel.PHONE) and sum(one.isdigit() for one in address) < 6:
        raise Fault("phone", "is not a telephone number")
    status = (text(row, "reason", longest=40) or text(row, "status", longest=40)).lower().replace(" ", "_")
    if status not in REASONS:
        raise Fault("status", f"{status!r} is no reason to suppress")
    since = moment(row, "since", at=at) or at
    named = text(row, "source", longest=80) or source
    return SuppressionRow(contact.key(address, channel), channel, REASONS[status], named, since)


def write(clean: Sequence[tuple[int, SuppressionRow]]) -> tuple[int, dict[int, Fault]]:
    """Suppress the addresses; how many were new."""
    rows = {(one.key, one.channel): one for _, one in clean}
    known = {
        (bytes(key), channel)
        for key, channel in Suppression.objects.filter(contact_hmac__in=[key for key, _ in rows]).values_list(
            "contact_hmac", "channel"
        )
    }
    Suppression.objects.bulk_create(
        [
            Suppression(
                contact_hmac=one.key, channel=one.channel, reason=one.reason, source=one.source, since=one.since
            )
            for key, one in rows.items()
            if key not in known
        ],
        ignore_conflicts=True,
    )
    return len(rows.keys() - known), {}
