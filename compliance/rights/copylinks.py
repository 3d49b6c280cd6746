"""A copy of everything goes to whoever reads the client's mail now: by a fresh link, for one use, for half an hour.

The link to the client's own page stands in every mail and is passed on with it, so it proves too little for this.
"""

import hashlib
from datetime import datetime, timedelta

from django.db import transaction

from compliance import consent, ledger
from compliance.models import Asked, Client, CopyLink
from compliance.rights import joined, requests

LASTS = timedelta(minutes=30)
MOST = 3  # an hour, so that nobody's mailbox is filled by whoever holds a mail of theirs
HOUR = timedelta(hours=1)


class NoLink(Exception):
    """The link was used, has ended, or is none of ours. Nothing was written."""


@transaction.atomic
def ask(client_id: int, *, at: datetime) -> CopyLink | None:
    """A link to be mailed to the client's address; None where enough were asked for, or there is no address.

    Without an address people answer: the wish is a request for access at their desk.
    """
    client_id = joined.survivor(client_id)
    consent.lock(client_id)
    person = Client.objects.get(pk=client_id)
    if not person.email:
        requests.receive(client_id, Asked.Kind.ACCESS, came_by="portal", by=f"client:{client_id}", at=at)
        return None
    if CopyLink.objects.filter(client=person, asked_at__gt=at - HOUR).count() >= MOST:
        return None
    made = CopyLink.objects.create(client=person, asked_at=at, until=at + LASTS)
    ledger.record("access.link_asked", by=f"client:{client_id}", at=at, about=f"client:{client_id}", facts={})
    return made


def sealed(link_id: int, *, secret: str, at: datetime) -> CopyLink | None:
    """The link, now that `secret` opens it; None where it was mailed before, has ended, or the client is erased."""
    won = CopyLink.objects.filter(pk=link_id, secret=None, until__gt=at, client__erased_at=None).update(
        secret=_digest(secret)
    )
    return CopyLink.objects.select_related("client").get(pk=link_id) if won else None


def find(secret: str, *, at: datetime) -> CopyLink | None:
    """The link that this opens and that may still be used."""
    open_ones = CopyLink.objects.filter(secret=_digest(secret), used_at=None, until__gt=at, client__erased_at=None)
    return open_ones.select_related("client").first()


def use(secret: str, *, at: datetime) -> int:
    """Whose copy may be handed over now: the client's number; the link opens nothing any more. Raises NoLink."""
    found = find(secret, at=at)
    if found is None or not CopyLink.objects.filter(pk=found.pk, used_at=None).update(used_at=at):
        raise NoLink
    return found.client_id


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
