"""What a packet shows of what went wrong: breaches and complaints with their notices, kill switches, withdrawals."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

from compliance import bulk
from compliance.models import Incident, Notice, ReviewItem, ReviewState, Stop, StopScope


def rows(
    *, clients: Collection[int] | None, campaigns: Collection[str], reviews: Iterable[ReviewItem],
    begins: datetime | None, ends: datetime | None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """One row an incident, in the order of `what` and number.

    clients    whom it must touch, or None for everybody · campaigns  whose own switches count, beside the wider ones
    """
    period = {"gte": begins, "lt": ends}

    def within(field: str) -> dict[str, datetime]:
        return {f"{field}__{name}": moment for name, moment in period.items() if moment is not None}

    found = Incident.objects.filter(**within("aware_at")).select_related("recorded_by", "closed_by").order_by("pk")
    if clients is not None:
        found = found.filter(touched__client__in=bulk.among(list(clients))).distinct()
    for one in found:
        yield _incident(one)
    stops = Stop.objects.filter(**within("thrown_at")).order_by("pk")
    for stop in stops.select_related("thrown_by", "release_asked_by", "released_by"):
        if clients is None or stop.scope != StopScope.CAMPAIGN or stop.target in campaigns:
            yield {"what": "kill", **_columns(stop)}
    for item in reviews:
        if item.state == ReviewState.WITHDRAWN and not hasattr(item, "seed"):
            yield {
                "what": "withdrawal", "id": item.pk, "digest": item.digest, "title": item.title,
                "reason": item.decision_reason, "at": item.decided_at,
                "by": item.decided_by and item.decided_by.username,
            }  # fmt: skip


def _incident(one: Incident) -> dict[str, Any]:
    notices = one.notices.select_related("told_by", "spare_asked_by", "spared_by").order_by("pk")
    return {"what": one.kind, **_columns(one), "notices": [_columns(notice) for notice in notices]}


def _columns(row: Incident | Notice | Stop) -> dict[str, Any]:
    """Every column of a row, people by their names."""
    told = {}
    for one in row._meta.concrete_fields:
        value = getattr(row, one.name)
        told[one.name] = value.username if hasattr(value, "username") else getattr(row, one.attname)
    return told
