"""Who is this: from anonymous to known, and merges that only a person may decide.

Rules, in order of priority: a user id names a client; an anonymous id belongs to the first client seen with it;
a device that signs in becomes, or joins, the client it signed in as. Two clients that both have a user id, or two
different e-mail addresses, are never joined here: a `MergeRequest` asks a person. Blocked ids (`ingest.blocked`)
name nobody. A client has at most LIMIT anonymous ids; more are not remembered.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db.models import Q

from compliance.models import Client
from personalize import merging
from personalize.bulk import identity as rows
from personalize.ingest import Item
from personalize.merging import AlreadyDecided, merge, refuse, request, undo
from personalize.models import Identity

__all__ = ["LIMIT", "AlreadyDecided", "find", "merge", "refuse", "request", "resolve", "undo"]

LIMIT = 100
TIMEZONES = {"UK": "Europe/London", "EU": "Europe/Berlin", "US": "America/New_York"}


def find(user_id: str) -> Client | None:
    """The client a user id names, through merges; None when nobody has it."""
    found = Client.objects.filter(
        Q(user_id=user_id) | Q(pk__in=Identity.objects.filter(kind="user", value=user_id).values("client_id"))
    ).first()
    while found is not None and found.merged_into_id is not None:
        found = Client.objects.get(pk=found.merged_into_id)
    return found


def resolve(items: Sequence[Item], *, source_id: int | None, by: str, at: datetime) -> list[int]:
    """The client of each item, in order; clients, links and merges that follow are written.

    Runs inside the caller's transaction and holds the clients against a concurrent merge until it ends.
    """
    users = {item.user_id for item in items if item.user_id} | {item.previous_id for item in items if item.previous_id}
    devices = {one for item in items for one in (item.anonymous_id, item.previous_id) if one}
    map_ = _Map(rows.find(list(users), list(devices)))
    if any(map_.is_news(item) for item in items):
        # Somebody else may have created them meanwhile: look again under the lock.
        rows.lock_creation()
        map_ = _Map(rows.find(list(users), list(devices)))
    owners = [map_.place(item) for item in items]
    map_.write(source_id=source_id, by=by, at=at)
    return [map_.final(one) for one in owners]


def named(user_ids: Sequence[str], *, create: bool, at: datetime) -> dict[str, int]:
    """The clients of many user ids, through merges; those nobody has are created on request, else left out."""
    known = _Map(rows.find(list(user_ids), []))
    missing = [one for one in dict.fromkeys(user_ids) if one not in known.users]
    if missing and create:
        rows.lock_creation()
        known = _Map(rows.find(list(user_ids), []))
        missing = [one for one in missing if one not in known.users]
        refs = {uuid.uuid4(): one for one in missing}
        home = settings.FIRM["jurisdiction"]
        made = rows.create(
            list(refs), missing, [at] * len(missing), jurisdiction=home, timezone=TIMEZONES.get(home, "UTC")
        )
        known.users.update({refs[ref]: one for ref, one in made.items()})
    return known.users


class _Map:
    """The known ids of one batch, and what the batch changes about them. New clients have negative numbers."""

    def __init__(self, found: Sequence[rows.Held]) -> None:
        self.users = {one.value: one.client for one in found if one.kind == "user"}
        self.devices = {one.value: one.client for one in found if one.kind == "anonymous"}
        self.named: dict[int, str | None] = {}  # client → user id
        self.email: dict[int, str] = {}
        self.first_seen: dict[int, datetime] = {}
        self.promoted: dict[int, str] = {}
        self.links: dict[str, tuple[int, datetime]] = {}
        self.joined: dict[int, int] = {}  # absorbed → kept
        self.asked: dict[tuple[int, int], str] = {}
        self.ids: dict[int, int] = {}
        self._follow(found)

    def _follow(self, found: Sequence[rows.Held]) -> None:
        """Lead every id to the client at the end of its merges, which is locked as well."""
        followed: dict[int, int] = {}
        while found:
            self.named.update({one.client: one.user_id for one in found})
            self.email.update({one.client: one.email for one in found})
            followed.update({one.client: one.merged_into for one in found if one.merged_into is not None})
            further = {into for into in followed.values() if into not in self.named}
            found = rows.hold(sorted(further)) if further else []
        for ids in (self.users, self.devices) if followed else ():
            for value, one in ids.items():
                while one in followed:
                    one = followed[one]
                ids[value] = one

    def is_news(self, item: Item) -> bool:
        """Whether the item changes who is known."""
        if item.previous_id:
            return True
        if item.user_id:
            owner = self.users.get(item.user_id)
            if owner is None:
                return True
            device = self.devices.get(item.anonymous_id, 0 if item.anonymous_id else owner)
            return device != owner and (device == 0 or self.named.get(device) is None)
        return item.anonymous_id not in self.devices

    def place(self, item: Item) -> int:
        """The client of one item, after the link or join that it implies."""
        device = item.previous_id or item.anonymous_id
        if not item.user_id:
            return self._root(self.devices.get(device, 0) or self._link(device, self._new(None, item), item))
        owner = self.users.get(item.user_id)
        former = self.users.get(item.previous_id) if item.previous_id else None
        linked = former or self.devices.get(device)
        linked = self._root(linked) if linked else None
        if owner is None:
            owner = linked if linked and self._is_anonymous(linked) else self._new(item.user_id, item)
            if owner == linked:
                self._promote(owner, item.user_id)
            self.users[item.user_id] = owner
        owner = self._root(owner)
        if linked is None:
            if device:
                self._link(device, owner, item)
        elif linked != owner:
            self._join(owner, linked, item)
        if item.previous_id and item.anonymous_id and item.anonymous_id not in self.devices:
            self._link(item.anonymous_id, owner, item)
        return owner

    def _root(self, one: int) -> int:
        while one in self.joined:
            one = self.joined[one]
        return one

    def _is_anonymous(self, one: int) -> bool:
        return self.named.get(one) is None

    def _new(self, user_id: str | None, item: Item) -> int:
        number = -1 - len(self.first_seen)
        self.named[number], self.email[number] = user_id, ""
        self.first_seen[number] = item.occurred_at
        return number

    def _promote(self, owner: int, user_id: str) -> None:
        self.named[owner] = user_id
        if owner > 0:
            self.promoted[owner] = user_id

    def _link(self, device: str, owner: int, item: Item) -> int:
        self.devices[device] = owner
        self.links[device] = (owner, item.occurred_at)
        return owner

    def _join(self, kept: int, absorbed: int, item: Item) -> None:
        differ = bool(self.email[kept] and self.email[absorbed]) and self.email[kept] != self.email[absorbed]
        if self._is_anonymous(absorbed) and not differ:
            self.joined[absorbed] = kept
            self.email[kept] = self.email[kept] or self.email[absorbed]
        else:
            why = "an alias names both" if item.previous_id else "the same device was used by both"
            self.asked.setdefault((kept, absorbed), why)

    def write(self, *, source_id: int | None, by: str, at: datetime) -> None:
        """Create, promote, link, join and ask, as the batch implied."""
        new = [one for one in self.first_seen if one not in self.joined]
        refs = {uuid.uuid4(): one for one in new}
        if refs:
            home = settings.FIRM["jurisdiction"]
            made = rows.create(
                list(refs), [self.named[one] for one in new], [self.first_seen[one] for one in new],
                jurisdiction=home, timezone=TIMEZONES.get(home, "UTC"),
            )  # fmt: skip
            self.ids = {refs[ref]: one for ref, one in made.items()}
        if self.promoted:
            rows.promote(self.promoted)
        links = [(device, self.final(owner), when) for device, (owner, when) in self.links.items()]
        known = {owner for _, owner, _ in links} - set(self.ids.values())
        crowded = {one for one, count in rows.devices(sorted(known)).items() if count >= LIMIT} if known else set()
        links = [one for one in links if one[1] not in crowded]
        if links:
            rows.link(source_id, links)
        for absorbed, kept in self.joined.items():
            if absorbed > 0:
                merging.join_device(self.final(kept), absorbed, by=by, at=at)
        for (kept, absorbed), why in self.asked.items():
            merging.request(self.final(kept), self.final(absorbed), reason=why, at=at)

    def final(self, one: int) -> int:
        """The database id of a client of this batch."""
        root = self._root(one)
        return self.ids.get(root, root)
