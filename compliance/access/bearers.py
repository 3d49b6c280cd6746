"""Tokens of programs: given once, for some deeds, for some time, taken back at once."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from compliance import ledger, roles
from compliance.models import ApiToken, ApiTokenUse, Staff

READ = "read"
BITS = 256
LONGEST = timedelta(days=365)
USED_EVERY = timedelta(minutes=1)  # an hour of calls writes sixty rows, not a million


class BadToken(Exception):
    """What was asked for is no token that may be given. Nothing was written."""


def scopes_of(staff: Staff) -> tuple[str, ...]:
    """Every scope that a token of this person may have."""
    return (READ, *(code for code in roles.PERMISSIONS if staff.has_perm(f"compliance.{code}")))


@transaction.atomic
def give(
    staff: Staff,
    *,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None,
    by: Staff | str,
    at: datetime,
    secret: str = "",
) -> tuple[ApiToken, str]:
    """A new token and its secret, which is kept nowhere and shown once.

    secret: one chosen by the installation (settings.API_TOKENS); a person's is made here and must end within LONGEST.
    Raises BadToken.
    """
    name = name.strip()
    if not 1 <= len(name) <= 80:
        raise BadToken("Give it a name of 1 to 80 letters, so that you know it again.")
    if not scopes or not set(scopes) <= set(scopes_of(staff)):
        raise BadToken("Choose at least one thing that it may do, out of those that you may do yourself.")
    if not secret and (expires_at is None or not at < expires_at <= at + LONGEST):
        raise BadToken("It must end within a year.")
    standing = Staff.objects.values_list("standing", flat=True).get(pk=staff.pk)
    chosen = secret or "pz_" + secrets.token_urlsafe(BITS // 8)
    token = ApiToken.objects.create(
        staff=staff, name=name, sha256=_digest(chosen.encode()), scopes=sorted(set(scopes)), standing=standing,
        created_at=at, expires_at=expires_at,
    )  # fmt: skip
    facts = {"staff": staff.pk, "scopes": token.scopes, "expires_at": expires_at and expires_at.isoformat()}
    ledger.record("token.given", by=by, at=at, about=f"token:{token.pk}", facts=facts)
    return token, chosen


def find(secret: bytes, *, at: datetime) -> ApiToken | None:
    """The token that opens something at `at`, with its owner; None for one unknown, ended or taken back."""
    token: ApiToken | None = (
        ApiToken.objects.open(at).select_related("staff", "use").filter(sha256=_digest(secret)).first()
    )
    if token is not None:
        used(token, at=at)
    return token


def used(token: ApiToken, *, at: datetime) -> None:
    """Note that it was used, to the minute."""
    use = getattr(token, "use", None)
    if use is None or at - use.at >= USED_EVERY:
        ApiTokenUse.objects.update_or_create(token=token, defaults={"at": at})


@transaction.atomic
def revoke(token_id: int, *, by: Staff, at: datetime) -> bool:
    """Take it back, at once and for good; False when it was taken back before."""
    if not ApiToken.objects.filter(pk=token_id, revoked_at=None).update(revoked_at=at):
        return False
    ledger.record("token.revoked", by=by, at=at, about=f"token:{token_id}", facts={})
    return True


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
