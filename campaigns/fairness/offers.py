"""What blocks offer: said by a person, once for each version."""

from datetime import datetime

from django.db import IntegrityError, transaction

from campaigns.models import BlockVersion, Offer, OfferKind
from compliance import ledger
from compliance.models import Staff


class BadOffer(ValueError):
    """The offer cannot be kept like this; the message says why. Nothing was written."""


class AlreadySaid(Exception):
    """What this version offers was said before. Nothing was written."""


@transaction.atomic
def say(
    version_id: int, *, kind: str, fee_bps: int | None = None, term_days: int | None = None, by: Staff, at: datetime
) -> Offer:
    """Keep what a version offers; its words never change, and neither does this. Raises BadOffer, AlreadySaid."""
    if kind not in OfferKind.values:
        raise BadOffer("Say whether the offer is beneficial or can do harm.")
    for name, value, most in (("A yearly cost", fee_bps, 10_000), ("A term", term_days, 36_600)):
        if value is not None and not 0 <= value <= most:
            raise BadOffer(f"{name} lies between 0 and {most:,}.")
    if not BlockVersion.objects.filter(pk=version_id).exists():
        raise BadOffer("There is no such version.")
    try:
        with transaction.atomic():
            made = Offer.objects.create(
                version_id=version_id, kind=kind, fee_bps=fee_bps, term_days=term_days, said_by=by, said_at=at
            )
    except IntegrityError:
        raise AlreadySaid(version_id) from None
    facts = {"kind": kind, "fee_bps": fee_bps, "term_days": term_days}
    ledger.record("offer.said", by=by, at=at, about=f"version:{version_id}", facts=facts)
    return made
