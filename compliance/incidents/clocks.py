"""Whom the law says is told of an incident, and within what time from the moment we knew."""

from dataclasses import dataclass
from datetime import timedelta

from compliance.models import Incident, Jurisdiction, Notice

HOURS_72, DAYS_30 = timedelta(hours=72), timedelta(days=30)
Whom = Notice.Whom


@dataclass(frozen=True, slots=True)
class Clock:
    """One notice that is owed."""

    whom: str
    within: timedelta
    source: str


# "Without undue delay" has no number of its own in the law; ours is the authority's.
PEOPLE = "Art. 34(1): without undue delay; 72 hours is our own limit"
BREACH: dict[str, tuple[Clock, ...]] = {
    Jurisdiction.UK: (
        Clock(Whom.AUTHORITY, HOURS_72, "UK GDPR Art. 33(1): the ICO, within 72 hours"),
        Clock(Whom.PEOPLE, HOURS_72, f"UK GDPR {PEOPLE}"),
    ),
    Jurisdiction.EU: (
        Clock(Whom.AUTHORITY, HOURS_72, "GDPR Art. 33(1): the supervisory authority, within 72 hours"),
        Clock(Whom.PEOPLE, HOURS_72, f"GDPR {PEOPLE}"),
    ),
    Jurisdiction.US: (
        Clock(Whom.PEOPLE, DAYS_30, "Regulation S-P, 17 CFR 248.30(a)(4)(iii): within 30 days"),
    ),
}  # fmt: skip
COMPLAINT: dict[str, tuple[Clock, ...]] = {
    Jurisdiction.UK: (Clock(Whom.COMPLAINANT, DAYS_30, "DPA 2018 s. 164A(3): acknowledged within 30 days"),),
}
OWN = (Clock(Whom.COMPLAINANT, DAYS_30, "No law of the place names a time; 30 days is our own limit"),)


def of(kind: str, place: str) -> tuple[Clock, ...]:
    """The notices that an incident of this kind owes in this place."""
    return COMPLAINT.get(place, OWN) if kind == Incident.Kind.COMPLAINT else BREACH[place]
