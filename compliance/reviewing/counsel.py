"""Outside counsel decides one text by a link: for one person, one digest, one use, and until it ends."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.text import slugify

from compliance import ledger, review
from compliance.judging import competence
from compliance.models import Invitation, ReviewItem, Role, Staff

LONGEST = timedelta(days=14)


class NoInvitation(Exception):
    """The link is unknown, used, revoked or past its end. Nothing was written."""


@transaction.atomic
def invite(
    item: ReviewItem, *, name: str, firm: str, until: datetime, evidence: str, by: Staff, at: datetime
) -> tuple[Invitation, str]:
    """A link for this person to decide these exact words; the secret is shown once and kept nowhere.

    evidence  why they are competent for what the words touch. Raises review.NotYours unless `by` is a compliance
    officer, ValueError for a link without a person, an end within two weeks, or evidence.
    """
    if not by.is_officer:
        raise review.NotYours("Only a compliance officer asks outside counsel.")
    if not slugify(name) or not firm.strip() or not evidence.strip() or not at < until <= at + LONGEST:
        raise ValueError("Name the person, their firm, why they are competent, and an end within 14 days.")
    counsel, _ = Staff.objects.get_or_create(
        username=f"counsel-{slugify(f'{name} {firm}')}"[:150],
        defaults={"role": Role.COUNSEL, "last_name": f"{name.strip()}, {firm.strip()}"[:150], "password": "!"},
    )
    if areas := [*item.topics, *item.products]:
        competence.grant(counsel, areas=areas, evidence=evidence, start=at, until=until, by=by, at=at)
    secret = secrets.token_urlsafe(32)
    made = Invitation.objects.create(
        item=item, digest=item.digest, staff=counsel, sha256=_hash(secret), made_by=by, made_at=at, expires_at=until
    )
    facts = {"counsel": counsel.pk, "digest": item.digest, "until": until.isoformat()}
    ledger.record("counsel.invited", by=by, at=at, about=review.about(item), facts=facts)
    return made, secret


def find(secret: str, *, at: datetime) -> Invitation:
    """The invitation that this link opens at `at`. Raises NoInvitation."""
    made = (
        Invitation.objects.select_related("item", "staff")
        .filter(sha256=_hash(secret), used_at=None, revoked_at=None, expires_at__gt=at)
        .first()
    )
    if made is None or made.item.digest != made.digest:
        raise NoInvitation
    return made


@transaction.atomic
def decide(secret: str, *, yes: bool, reason: str, seen: str, at: datetime) -> ReviewItem:
    """The counsel's decision, recorded as theirs; the link is used up. Raises NoInvitation and what `review` raises."""
    made = find(secret, at=at)
    if not reason.strip():
        raise review.NoReason("Say why. It is kept with the decision.")
    verb = review.approve if yes else review.reject
    item = verb(made.item_id, by=made.staff, seen=seen, reason=reason, at=at)
    if not Invitation.objects.filter(pk=made.pk, used_at=None, revoked_at=None).update(used_at=at):
        raise NoInvitation
    return item


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
