"""Django's session engine on our own table (SESSION_ENGINE): a row knows whose it is."""

from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.utils.timezone import now

from compliance.models import StaffSession

VISIT = "visit"  # what `visits` keeps: seconds since 1970 and where the browser is


class SessionStore(db.SessionStore):
    """Sessions in `compliance_session`."""

    @classmethod
    def get_model_class(cls) -> type[StaffSession]:
        """The model of the rows."""
        return StaffSession

    def create_model_instance(self, data: dict[str, Any]) -> StaffSession:
        """The row for what the session holds, with its person and times in columns."""
        if SESSION_KEY in data:
            data.setdefault(VISIT, begun(now()))
        row: StaffSession = super().create_model_instance(data)
        visit = data.get(VISIT) or {}
        row.staff_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        row.signed_in_at, row.seen_at = (_time(visit.get(name)) for name in ("signed_in", "seen"))
        row.address, row.agent = visit.get("address"), visit.get("agent", "")
        return row


def begun(at: datetime) -> dict[str, Any]:
    """A visit that begins: signing in is also a proof of who somebody is. Seconds since 1970."""
    seconds = at.timestamp()
    return {"signed_in": seconds, "seen": seconds, "proved": seconds}


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC)
