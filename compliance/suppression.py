"""Addresses nobody may write to, kept as keyed hashes so that they outlive the client's erasure."""

from datetime import datetime

from django.db import transaction

from compliance import contact, ledger
from compliance.models import Channel, Client, ConsentState, Purpose, Staff, State, Suppression

By = Staff | str
PROMOTIONAL = (Purpose.MARKETING, Purpose.PARTNER, Purpose.AFFILIATE)


@transaction.atomic
def suppress(address: str, *, channel: str, reason: str, source: str, by: By, at: datetime) -> bool:
    """Let nobody write to this address again; True when it is news. Only a keyed hash of it is kept.

    reason: unsubscribed, hard_bounce, complaint, imported, erased
    """
    _, new = Suppression.objects.get_or_create(
        contact_hmac=contact.key(address, channel),
        channel=channel,
        defaults={"reason": reason, "source": source[:80], "since": at},
    )
    if new:
        ledger.record(
            "suppression.added",
            by=by,
            at=at,
            about=f"suppression:{channel}",
            facts={"reason": reason, "source": source},
        )
    return new


@transaction.atomic
def unsuppress(address: str, *, channel: str, reason: str, by: By, at: datetime) -> bool:
    """Take an address off the list again, and say why; False when it was not on it."""
    gone, _ = Suppression.objects.filter(contact_hmac=contact.key(address, channel), channel=channel).delete()
    if gone:
        ledger.record("suppression.lifted", by=by, at=at, about=f"suppression:{channel}", facts={"reason": reason})
    return bool(gone)


def opted_out(client_id: int, *, source: str, by: By, at: datetime) -> None:
    """After an opt-out: suppress the client's address when nothing promotional is left to send to it."""
    left = ConsentState.objects.filter(
        client_id=client_id, purpose__in=PROMOTIONAL, channel=Channel.EMAIL, state=State.ALLOWED
    )
    address = Client.objects.values_list("email", flat=True).get(pk=client_id)
    if address and not left.exists():
        suppress(address, channel=Channel.EMAIL, reason="unsubscribed", source=source, by=by, at=at)


def lift_opt_out(client_id: int, *, by: By, at: datetime) -> None:
    """After the person's own new yes: take their address off the list, if opting out put it there."""
    address = Client.objects.values_list("email", flat=True).get(pk=client_id)
    mine = Suppression.objects.filter(
        contact_hmac=contact.key(address, Channel.EMAIL), channel=Channel.EMAIL, reason="unsubscribed"
    )
    if address and mine.exists():
        unsuppress(address, channel=Channel.EMAIL, reason="the client said yes again", by=by, at=at)
