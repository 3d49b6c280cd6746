"""Who may be told of non-mass-market investments: whoever holds a certificate in date. UK-11: COBS 4.12B.

The limits close such words to everybody else when messages are decided, and the last gate asks again.
"""

from datetime import date, datetime

from django.db import transaction

from compliance import ledger, vulnerability
from compliance.models import Certificate, Client, Staff
from compliance.models.safeguard import LASTS_DAYS


class BadCertificate(ValueError):
    """It does not say enough to count. Nothing was written."""


@transaction.atomic
def record(
    client_id: int, kind: str, *, signed_on: date, until: date, evidence: str, by: Staff, at: datetime
) -> Certificate:
    """Write a certificate down. until: the first day on which it counts no longer.

    Raises BadCertificate, vulnerability.NotYours.
    """
    if not vulnerability.may(by):
        raise vulnerability.NotYours("Only compliance officers write a certificate down.")
    evidence = evidence.strip()[:300]
    if kind not in Certificate.Kind.values or not evidence:
        raise BadCertificate("Say which certificate it is, and where the signed statement is.")
    if not signed_on <= at.date() < until or (until - signed_on).days > LASTS_DAYS:
        raise BadCertificate("It was signed by today, and counts for a year at most (COBS 4.12B.38R).")
    Client.objects.select_for_update().get(pk=client_id)
    made = Certificate.objects.create(
        client_id=client_id, kind=kind, signed_on=signed_on, until=until, evidence=evidence, recorded_by=by,
        recorded_at=at,
    )  # fmt: skip
    facts = {"certificate": made.pk, "kind": kind, "until": until.isoformat()}
    ledger.record("certificate.recorded", by=by, at=at, about=f"client:{client_id}", facts=facts)
    return made


@transaction.atomic
def end(certificate_id: int, *, by: Staff, at: datetime) -> bool:
    """Take a certificate back: one person does, as for everything that stops. False when it was ended before."""
    found = Certificate.objects.get(pk=certificate_id)
    Client.objects.select_for_update().get(pk=found.client_id)
    won = Certificate.objects.filter(pk=certificate_id, ended_on=None).update(ended_on=at.date(), ended_by=by)
    if won:
        facts = {"certificate": certificate_id}
        ledger.record("certificate.ended", by=by, at=at, about=f"client:{found.client_id}", facts=facts)
    return bool(won)
