"""A campaign's schedule: made, cancelled, and each time launched, missed or refused, exactly once."""

import logging
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from zoneinfo import available_timezones

from django.db import transaction

from campaigns import authority, occurrences, runs
from campaigns.models import Campaign, Occurrence, OccurrenceState, Repeat, Schedule, ScheduleState
from compliance import fence, ledger, stops
from compliance.models import Fence, Staff, StopScope

log = logging.getLogger(__name__)

BY = "system:schedule"
LATEST_MIN = 60
DAY = timedelta(days=1)
SHOWN = 3
AHEAD = timedelta(days=5 * 366)
SENTENCES = {
    "too_late": "Its latest start had passed before it could be launched; nothing was launched afterwards.",
    "fenced": "Sending was not armed for this database when it was due: it may be a copy, or have been restored since.",
    "no_authority": "Whoever scheduled it may no longer launch this campaign.",
    "stopped": "A kill switch was thrown.",
}


class BadSchedule(ValueError):
    """It cannot be scheduled like this; `errors` names each field and says why. Nothing was written."""

    def __init__(self, errors: dict[str, str]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{name}: {why}" for name, why in errors.items()))


class AlreadyScheduled(Exception):
    """The campaign has a schedule. Nothing was written."""


class NotScheduled(Exception):
    """The campaign has no schedule that could be cancelled. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A schedule as somebody wants it; see `Schedule`."""

    first_on: date
    local_time: time
    zone: str
    repeat: str = Repeat.ONCE
    until: date | None = None
    latest_min: int = LATEST_MIN


def preview(asked: Asked, *, at: datetime) -> list[occurrences.Moment]:
    """The first SHOWN times at which it would launch. Raises BadSchedule."""
    if errors := _faults(asked, at=at):
        raise BadSchedule(errors)
    found = list(islice(occurrences.moments(_rhythm(asked)), SHOWN))
    if found[0].due_at <= at:
        raise BadSchedule({"first_on": "The first launch would be past already."})
    return found


@transaction.atomic
def make(campaign: Campaign, asked: Asked, *, by: Staff, at: datetime) -> Schedule:
    """Launch the campaign by itself at these times, in the name of `by`. Raises BadSchedule, AlreadyScheduled."""
    first = preview(asked, at=at)[0]
    campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if campaign.schedules.filter(state=ScheduleState.ON).exists():
        raise AlreadyScheduled(campaign.pk)
    made = Schedule.objects.create(campaign=campaign, **asdict(asked), made_by=by, made_at=at)
    _write(made, first)
    facts = {"schedule": made.pk, "repeat": made.repeat, "first": first.local.isoformat()}
    ledger.record("campaign.scheduled", by=by, at=at, about=f"campaign:{campaign.pk}", facts=facts)
    return made


@transaction.atomic
def cancel(campaign: Campaign, *, by: Staff, at: datetime) -> None:
    """Launch it no more: what waits is cancelled, what was launched goes on. Raises NotScheduled."""
    # Whoever decides an occurrence holds its schedule too: once this lock is ours, nothing new can wait.
    found = Schedule.objects.select_for_update().filter(campaign=campaign, state=ScheduleState.ON).first()
    if found is None:
        raise NotScheduled(campaign.pk)
    found.occurrences.filter(state=OccurrenceState.WAITING).update(state=OccurrenceState.CANCELLED, decided_at=at)
    _end(found, by=by, at=at)
    facts = {"schedule": found.pk}
    ledger.record("campaign.unscheduled", by=by, at=at, about=f"campaign:{campaign.pk}", facts=facts)


def sweep(*, at: datetime) -> list[int]:
    """Decide everything that is due, also what was due while nothing ran; the ids of the runs launched.

    Any number of sweeps at once is harmless. One occurrence that fails keeps none of the others waiting: it is logged
    and tried again by the next sweep, until it is too late for it.
    """
    tried: set[int] = set()
    launched: list[int] = []
    due = Occurrence.objects.filter(state=OccurrenceState.WAITING, due_at__lte=at).order_by("due_at", "pk")
    while found := list(due.exclude(pk__in=tried).values_list("pk", flat=True)[:50]):
        for occurrence_id in found:
            tried.add(occurrence_id)
            try:
                decided = decide(occurrence_id, at=at)
            except Exception:
                log.exception("schedule.undecided", extra={"occurrence": occurrence_id})
            else:
                launched += [decided.run_id] if decided is not None and decided.run_id else []
    return launched


@transaction.atomic
def decide(occurrence_id: int, *, at: datetime) -> Occurrence | None:
    """Launch, miss or refuse a due occurrence and write down the next one; None when it is another's or decided.

    The run, the occurrence's state and the next occurrence are one transaction: a crash leaves it waiting, as it was.
    """
    found = (
        Occurrence.objects.select_for_update(skip_locked=True, of=("self", "schedule"))
        .filter(pk=occurrence_id, state=OccurrenceState.WAITING, due_at__lte=at, schedule__state=ScheduleState.ON)
        .select_related("schedule__campaign", "schedule__made_by")
        .first()
    )
    if found is None:
        return None
    schedule = found.schedule
    found.state, found.decided_at = OccurrenceState.LAUNCHED, at
    if at > found.due_at + timedelta(minutes=schedule.latest_min):
        found.state, found.reason = OccurrenceState.MISSED, "too_late"
    elif reason := _in_the_way(found):
        found.state, found.reason = OccurrenceState.REFUSED, reason
    else:
        _launch(found, at=at)
    found.sentence = found.sentence or SENTENCES.get(found.reason, "")
    found.save(update_fields=["state", "reason", "sentence", "run", "decided_at"])
    about, facts = f"campaign:{schedule.campaign_id}", {"occurrence": found.pk, "due": found.local}
    facts |= {"run": found.run_id} if found.run_id else {"reason": found.reason}
    ledger.record(f"schedule.{found.state}", by=BY, at=at, about=about, facts=facts)
    following = next(occurrences.moments(_rhythm(schedule), after=found.local_date), None)
    if following is None:
        _end(schedule, by=None, at=at)
    else:
        _write(schedule, following)
    return found


def _in_the_way(found: Occurrence) -> str:
    """Why it may not be launched, whatever the campaign itself says; empty when it may."""
    campaign, armed = found.schedule.campaign, Fence.objects.first()
    # A restored backup does not know what the original launched after it was taken: what was due before a person
    # armed this database may have been launched already.
    if armed is None or found.due_at < armed.armed_at or not fence.state().is_armed:
        return "fenced"
    if not authority.stands(found.schedule.made_by, campaign):
        return "no_authority"
    thrown = stops.thrown()
    if (
        thrown.everything
        or thrown.stops(StopScope.CHANNEL, campaign.channel)
        or thrown.stops(StopScope.CAMPAIGN, campaign.slug)
    ):
        return "stopped"
    return ""


def _launch(found: Occurrence, *, at: datetime) -> None:
    """Launch as whoever scheduled it; or keep why it was refused."""
    try:
        found.run = runs.launch(found.schedule.campaign, by=found.schedule.made_by, at=at)
    except runs.LaunchRefused as refused:
        found.state, found.reason = OccurrenceState.REFUSED, refused.blockers[0].code[:60]
        found.sentence = " ".join(one.sentence for one in refused.blockers)


def _write(schedule: Schedule, moment: occurrences.Moment) -> None:
    Occurrence.objects.create(
        schedule=schedule,
        local_date=moment.local_date,
        slot=schedule.local_time,
        due_at=moment.due_at,
        local=moment.local.isoformat(),
    )


def _end(schedule: Schedule, *, by: Staff | None, at: datetime) -> None:
    schedule.state, schedule.ended_by, schedule.ended_at = ScheduleState.OFF, by, at
    schedule.save(update_fields=["state", "ended_by", "ended_at"])


def _rhythm(of: Asked | Schedule) -> occurrences.Rhythm:
    return occurrences.Rhythm(of.first_on, of.local_time, of.zone, of.repeat, of.until)


def _faults(asked: Asked, *, at: datetime) -> dict[str, str]:
    """Field → what is wrong with it, in a sentence."""
    out = {}
    if asked.zone not in available_timezones():
        out["zone"] = "Name a time zone as its region and city, such as Europe/London."
    if asked.repeat not in Repeat.values:
        out["repeat"] = "Choose how often: " + ", ".join(Repeat.values) + "."
    if not at.date() - DAY <= asked.first_on <= (at + AHEAD).date():
        out["first_on"] = "The first day lies between today and five years from now."
    if asked.until is not None and asked.until < asked.first_on:
        out["until"] = "The last day cannot be before the first."
    if not 1 <= asked.latest_min <= 1440:
        out["latest_min"] = "A launch may be 1 to 1,440 minutes late."
    return out
