"""Who changed what in a campaign, from its history rows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns import conditions
from campaigns.models import Campaign
from compliance.models import Staff

MOST = 20


@dataclass(frozen=True, slots=True)
class Change:
    """One saving of the campaign: when, by whom, and each field's old and new value in words."""

    at: datetime
    by: Staff | None
    kind: str
    fields: tuple[tuple[str, str, str], ...]


def changes(campaign: Campaign) -> list[Change]:
    """The newest changes first, at most MOST."""
    rows = list(campaign.history.select_related("history_user").order_by("-history_date", "-history_id")[: MOST + 1])
    found = []
    for row, before in zip(rows, [*rows[1:], None], strict=True):
        if before is None and row.history_type != "+":
            break
        fields = () if before is None else tuple(_differences(row, before))
        if fields or row.history_type == "+":
            found.append(Change(row.history_date, row.history_user, row.history_type, fields))
    return found[:MOST]


def _differences(row: Any, before: Any) -> list[tuple[str, str, str]]:
    found = []
    for one in Campaign._meta.concrete_fields:
        old, new = getattr(before, one.attname), getattr(row, one.attname)
        if old != new and not one.primary_key:
            found.append((str(one.verbose_name), _words(one, old), _words(one, new)))
    return found


def _words(field: Any, value: Any) -> str:
    """A stored value as a person reads it."""
    if field.name == "audience":
        return conditions.words(value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {number:g}" for name, number in value.items())
    return str(dict(field.flatchoices).get(value, value))
