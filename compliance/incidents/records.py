"""What people do with an incident: record it, tell of it, spare a notice as two, and close it.

T-60: GDPR and UK GDPR Art. 33 and 34; Regulation S-P, 17 CFR 248.30(a)(4) and (5).
"""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from compliance import ledger
from compliance.incidents import clocks
from compliance.models import Client, Incident, Jurisdiction, Notice, Staff, Touched


class BadIncident(ValueError):
    """The step needs what is named. Nothing was written."""


class NotYours(Exception):
    """Two compliance officers spare a notice: the second is not the one who asked. Nothing was written."""


class AlreadyDone(Exception):
    """Someone did this first. Nothing was written."""


@transaction.atomic
def record(
    kind: str, *, title: str, words: str, aware_at: datetime, places: Collection[str] = (), vendor: str = "",
    vendor_aware_at: datetime | None = None, happened_at: datetime | None = None, touched: Collection[str] = (),
    by: Staff, at: datetime,
) -> Incident:  # fmt: skip
    """Write an incident down; the clocks of its places run from the moment we knew. No places is every place.

    touched  the firm's own ids of clients. Raises BadIncident.
    """
    title, words, vendor = title.strip(), words.strip(), vendor.strip()
    places = sorted(set(places)) or sorted(Jurisdiction.values)
    named = {one for one in touched if one}
    people = Client.objects.filter(user_id__in=named)
    if why := _fault(kind, title, words, places, vendor, vendor_aware_at, happened_at, aware_at, at):
        raise BadIncident(why)
    if unknown := sorted(named - set(people.values_list("user_id", flat=True))):
        raise BadIncident(f"There is no client “{unknown[0]}”.")
    made = Incident.objects.create(
        kind=kind, title=title, words=words, places=places, vendor=vendor, vendor_aware_at=vendor_aware_at,
        happened_at=happened_at, aware_at=aware_at, recorded_by=by, recorded_at=at,
    )  # fmt: skip
    owed = [(place, clock) for place in places for clock in clocks.of(kind, place)]
    Notice.objects.bulk_create(
        Notice(incident=made, whom=one.whom, place=place, due_at=aware_at + one.within, source=one.source)
        for place, one in owed
    )
    Touched.objects.bulk_create(Touched(incident=made, client=one) for one in people.order_by("pk"))
    facts = {"kind": kind, "places": places, "aware_at": aware_at.isoformat(), "touched": len(named)}
    ledger.record("incident.recorded", by=by, at=at, about=f"incident:{made.pk}", facts=facts)
    return made


def _fault(
    kind: str, title: str, words: str, places: list[str], vendor: str, vendor_aware_at: datetime | None,
    happened_at: datetime | None, aware_at: datetime, at: datetime,
) -> str:  # fmt: skip
    if kind not in Incident.Kind.values:
        return "Say what kind of incident it is."
    if not 0 < len(title) <= 120 or not words:
        return "An incident has a title of at most 120 characters, and what happened."
    if not set(places) <= set(Jurisdiction.values):
        return f"Places are among {', '.join(Jurisdiction.values)}."
    if aware_at > at or (happened_at is not None and happened_at > aware_at):
        return "It happened before we knew of it, and we knew before now."
    if (kind == Incident.Kind.VENDOR) != bool(vendor) or bool(vendor) != (vendor_aware_at is not None):
        return "A breach at a vendor, and only that, names the vendor and when it knew."
    if vendor_aware_at is not None and vendor_aware_at > aware_at:
        return "The vendor knew before it told us."
    return ""


@transaction.atomic
def tell(notice_id: int, *, how: str, why_late: str = "", by: Staff, at: datetime) -> None:
    """Say that the notice was given. Raises BadIncident without how, or late without why; AlreadyDone."""
    found = Notice.objects.select_for_update().get(pk=notice_id)
    late, how, why_late = at > found.due_at, how.strip()[:300], why_late.strip()[:300]
    if not how:
        raise BadIncident("Say how they were told, and under what reference.")
    if late and not why_late:
        raise BadIncident("It is late: the law wants the reasons for the delay (Art. 33(1)).")
    given = {"told_at": at, "told_by": by, "how": how, "why_late": why_late if late else ""}
    if not Notice.objects.open().filter(pk=notice_id).update(**given):
        raise AlreadyDone(notice_id)
    facts = {"notice": notice_id, "whom": found.whom, "place": found.place, "late": late}
    ledger.record("incident.told", by=by, at=at, about=f"incident:{found.incident_id}", facts=facts)


@transaction.atomic
def ask_spare(notice_id: int, *, why: str, by: Staff, at: datetime) -> None:
    """The first of two: say why the law does not want this notice. Who asked and is no officer any more is replaced.

    Raises NotYours for who is no officer, BadIncident without why, AlreadyDone.
    """
    _only_officers(by)
    if not why.strip():
        raise BadIncident("Say why nobody has to be told: what was assessed, and by what.")
    found = Notice.objects.select_for_update().get(pk=notice_id)
    asked = {"spare_why": why.strip()[:300], "spare_asked_by": by, "spare_asked_at": at}
    if is_asked(found) or not Notice.objects.open().filter(pk=notice_id).update(**asked):
        raise AlreadyDone(notice_id)
    facts = {"notice": notice_id, "why": why.strip()[:300]}
    ledger.record("incident.spare_asked", by=by, at=at, about=f"incident:{found.incident_id}", facts=facts)


@transaction.atomic
def spare(notice_id: int, *, by: Staff, at: datetime) -> None:
    """The second of two: the notice is not owed. Raises NotYours for the first and who is no officer, AlreadyDone."""
    _only_officers(by)
    found = Notice.objects.select_for_update().get(pk=notice_id)
    if found.told_at or found.spared_at or not is_asked(found):
        raise AlreadyDone(notice_id)
    if found.spare_asked_by_id == by.pk:
        raise NotYours("You asked for it, so somebody else has to agree.")
    Notice.objects.filter(pk=notice_id).update(spared_by=by, spared_at=at)
    about, facts = f"incident:{found.incident_id}", {"notice": notice_id}
    ledger.record("incident.spared", by=by, at=at, about=about, facts=facts)


def may_spare(by: Staff) -> bool:
    """Whether this person may be one of the two who spare a notice."""
    return by.is_officer


def is_asked(notice: Notice) -> bool:
    """Whether someone who may asks that this notice be spared, so that a second one can agree."""
    return notice.spare_asked_by is not None and may_spare(notice.spare_asked_by)


def _only_officers(by: Staff) -> None:
    if not may_spare(by):
        raise NotYours("Two compliance officers spare a notice.")


@transaction.atomic
def close(incident_id: int, *, lesson: str, by: Staff, at: datetime) -> None:
    """End an incident with what was done and learnt. Raises BadIncident while a notice is open, AlreadyDone."""
    found = Incident.objects.select_for_update().get(pk=incident_id)
    if not lesson.strip():
        raise BadIncident("Write what was done about it, and what keeps it from happening again.")
    if waits := found.notices.open().count():
        raise BadIncident(f"{waits} notice(s) are still owed.")
    done = {"lesson": lesson.strip(), "closed_by": by, "closed_at": at}
    if not Incident.objects.open().filter(pk=incident_id).update(**done):
        raise AlreadyDone(incident_id)
    ledger.record("incident.closed", by=by, at=at, about=f"incident:{incident_id}", facts={})
