"""Schedule and Occurrence: when a campaign is launched by itself, and what became of each time."""

from django.db import models
from django.db.models import Q

from campaigns.models.campaign import Campaign
from campaigns.models.message import Run
from compliance.models import Staff


class Repeat(models.TextChoices):
    """How often."""

    ONCE = "once", "Once"
    DAILY = "daily", "Every day"
    WEEKLY = "weekly", "Every week"
    MONTHLY = "monthly", "Every month"


class ScheduleState(models.TextChoices):
    """Whether it launches."""

    ON = "on", "On"
    OFF = "off", "Off"


class OccurrenceState(models.TextChoices):
    """What became of one time; what is decided never changes."""

    WAITING = "waiting", "Waiting"
    LAUNCHED = "launched", "Launched"
    MISSED = "missed", "Missed"
    REFUSED = "refused", "Refused"
    CANCELLED = "cancelled", "Cancelled"


class Schedule(models.Model):
    """When a campaign is launched by itself. Only ever switched off: another time is another schedule.

    first_on, local_time, zone  the first local day, the time of day there, and the zone's IANA name
    until        the last local day; null: until it is cancelled
    latest_min   minutes after its time at which a launch is too late and is missed
    made_by      launches: their right to is asked again each time · ended_by  null where it came to its end by itself
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="schedules")
    first_on = models.DateField()
    local_time = models.TimeField()
    zone = models.CharField(max_length=64)
    repeat = models.CharField(max_length=8, choices=Repeat)
    until = models.DateField(null=True)
    latest_min = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=3, choices=ScheduleState, default=ScheduleState.ON)
    made_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    ended_by = models.ForeignKey(Staff, on_delete=models.PROTECT, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign"], condition=Q(state="on"), name="a_campaign_has_one_schedule_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(state="on", ended_at=None, ended_by=None) | Q(state="off", ended_at__isnull=False),
                name="a_schedule_that_is_off_has_ended",
            ),
            models.CheckConstraint(condition=Q(latest_min__range=(1, 1440)), name="a_late_launch_is_of_the_same_day"),
            models.CheckConstraint(condition=Q(repeat__in=Repeat.values), name="a_repeat_is_known"),
        ]


class Occurrence(models.Model):
    """One time of a schedule, written down before it is due and decided once.

    local_date, slot  the local day it belongs to and the time of day that was asked for there
    due_at, local     when that is, and what clocks in the zone show then, e.g. 2027-03-28T02:00:00+01:00
    reason, sentence  why it was missed or refused
    """

    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="occurrences")
    local_date = models.DateField()
    slot = models.TimeField()
    due_at = models.DateTimeField()
    local = models.CharField(max_length=40)
    state = models.CharField(max_length=9, choices=OccurrenceState, default=OccurrenceState.WAITING)
    reason = models.CharField(max_length=60, blank=True)
    sentence = models.TextField(blank=True)
    run = models.OneToOneField(Run, on_delete=models.PROTECT, null=True, related_name="occurrence")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["schedule", "local_date", "slot"], name="an_occurrence_is_there_once"),
            models.CheckConstraint(
                condition=Q(state="launched", run__isnull=False)
                | (Q(run=None) & Q(state__in=["waiting", "missed", "refused", "cancelled"])),
                name="an_occurrence_has_a_run_when_it_launched",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", decided_at=None) | (Q(decided_at__isnull=False) & ~Q(state="waiting")),
                name="an_occurrence_is_decided_at_a_time",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["missed", "refused"]) | ~Q(sentence=""), name="what_was_not_launched_says_why"
            ),
        ]
        indexes = [models.Index(fields=["due_at"], condition=Q(state="waiting"), name="occurrence_waiting")]
