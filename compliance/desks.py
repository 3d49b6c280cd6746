"""Desks: the part of the firm that a marketer works for. A desk is a group; rights to things are granted to it."""

from datetime import datetime

from django.contrib.auth.models import Group
from django.db import transaction

from compliance import ledger
from compliance.models import Staff

PREFIX = "desk: "  # the database knows desks by it, see campaigns 0026
MAIN = "main"


class NotYours(Exception):
    """Nobody gives themselves a desk. Nothing was written."""


def group(desk: str) -> Group:
    """The group of a desk, made where missing."""
    return Group.objects.get_or_create(name=f"{PREFIX}{desk}")[0]


def of(person: Staff) -> list[str]:
    """The desks a person sits at."""
    names = person.groups.filter(name__startswith=PREFIX).order_by("name").values_list("name", flat=True)
    return [one.removeprefix(PREFIX) for one in names]


@transaction.atomic
def seat(person: Staff, desks: list[str], *, by: Staff, at: datetime) -> None:
    """Let a person work at exactly these desks from now on. Raises NotYours; the database refuses it too."""
    if by.pk == person.pk:
        raise NotYours(person.pk)
    person.groups.remove(*person.groups.filter(name__startswith=PREFIX))
    person.groups.add(*map(group, desks))
    ledger.record("staff.seated", by=by, at=at, about=f"staff:{person.pk}", facts={"desks": sorted(desks)})
