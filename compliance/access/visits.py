"""A visit: from signing in to signing out. How long it lasts, when its person last proved who they are, how it ends."""

import hashlib
import ipaddress
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db.models import QuerySet
from django.http import HttpRequest

from compliance.access.engine import VISIT, begun
from compliance.models import Staff, StaffSession

SEEN_EVERY_S = 60  # a page within a minute of the last one writes nothing
AGENT_LETTERS = 200
# First match wins: Edge says Chrome too, and Chrome says Safari.
BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)  # fmt: skip


def begin(request: HttpRequest, *, at: datetime) -> None:
    """Note when and from where the person of this request signed in."""
    request.session[VISIT] = {
        **begun(at),
        "address": _address(request),
        "agent": request.headers.get("User-Agent", "")[:AGENT_LETTERS].replace("\0", ""),
    }


def is_to_begin(session: Any) -> bool:
    """Whether somebody just signed in: a program's token signs in without a session, and begins no visit."""
    return SESSION_KEY in session and VISIT not in session


def over(session: Any, *, at: datetime) -> str:
    """Why the visit has ended by time, in a sentence; "" while it lasts."""
    visit, seconds = session[VISIT], at.timestamp()
    if seconds - visit["signed_in"] >= settings.SESSION_COOKIE_AGE:
        return f"You were signed out: a visit lasts {settings.SESSION_COOKIE_AGE // 3600} hours at most."
    if seconds - visit["seen"] >= settings.SESSION_IDLE_S:
        return f"You were signed out after {settings.SESSION_IDLE_S // 60} minutes without use."
    return ""


def seen(session: Any, *, at: datetime) -> None:
    """Move the end of the idle time."""
    seconds = at.timestamp()
    if seconds - session[VISIT]["seen"] >= SEEN_EVERY_S:
        session[VISIT] = {**session[VISIT], "seen": seconds}


def is_fresh(session: Any, *, at: datetime) -> bool:
    """Whether the person proved who they are within STEP_UP_S."""
    return VISIT in session and at.timestamp() - session[VISIT]["proved"] < settings.STEP_UP_S


def proved(session: Any, *, at: datetime) -> None:
    """Note a proof of who the person is, under a new session number."""
    session[VISIT] = {**session[VISIT], "proved": at.timestamp()}
    session.cycle_key()


def of(staff: Staff, *, at: datetime) -> QuerySet[StaffSession]:
    """The person's visits that last, the latest first."""
    return StaffSession.objects.filter(staff=staff, expire_date__gt=at).order_by("-seen_at", "pk")


def browser(agent: str) -> str:
    """What a person calls the browser that names itself like this: "Chrome on Windows"."""
    kind = next((shown for said, shown in BROWSERS if said in agent), "")
    system = next((shown for said, shown in SYSTEMS if said in agent), "")
    return " on ".join(filter(None, (kind, system))) or agent[:60] or "Unknown"


def label(session_key: str) -> str:
    """What a page calls a visit: its number opens the door, so a page never shows it."""
    return hashlib.sha256(session_key.encode()).hexdigest()[:16]


def end(staff: Staff, *, but: str = "", only: str = "") -> int:
    """End the person's visits, at once: all, all but the one with number `but`, or the one labelled `only`."""
    visits = StaffSession.objects.filter(staff=staff).exclude(pk=but)
    if only:
        visits = visits.filter(pk__in=[one for one in visits.values_list("pk", flat=True) if label(one) == only])
    return visits.delete()[0]


def _address(request: HttpRequest) -> str | None:
    try:
        return str(ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        return None
