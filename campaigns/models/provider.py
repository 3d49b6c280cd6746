"""Provider event and pause: what the mail provider told us, and a run that stands still because of it."""

from django.db import models
from django.db.models import F, Q

from campaigns.models.message import Message, Run
from compliance.datamap import PersonalData
from compliance.models import Staff


class ProviderEvent(models.Model):
    """Something a provider said about one message or address, kept once however often it is said.

    event_id  the provider's own, or a digest of what it said · outcome  what we did, of provider.events.Outcome
    """

    provider = models.CharField(max_length=24)
    event_id = models.CharField(max_length=128)
    kind = models.CharField(max_length=16)
    message = models.ForeignKey(Message, null=True, on_delete=models.PROTECT, related_name="provider_events")
    detail = models.CharField(max_length=300, blank=True)
    outcome = models.CharField(max_length=16)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()

    personal_data = PersonalData(
        client="message__client",
        why="to know whether a message arrived, and to refuse a repeated notice",
        keep_days=400,
        on_erasure="delete",
        clock="received_at",
        record="behaviour",
        campaign="message__campaign__slug",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "event_id"], name="a_provider_event_counts_once"),
        ]


class Pause(models.Model):
    """A run that stands still until a second person says that it may go on.

    reason  a code of campaigns.provider.watch · share  in [0, 1], of `counted` messages sent
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="pauses")
    reason = models.CharField(max_length=24)
    share = models.FloatField()
    counted = models.PositiveIntegerField()
    launched_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    paused_at = models.DateTimeField()
    resumed_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    resumed_at = models.DateTimeField(null=True)
    why_resumed = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run"], condition=Q(resumed_at__isnull=True), name="a_run_is_paused_once_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(resumed_by__isnull=True) | ~Q(resumed_by=F("launched_by")),
                name="nobody_resumes_the_run_they_launched",
            ),
            models.CheckConstraint(
                condition=Q(resumed_by__isnull=True, resumed_at__isnull=True)
                | (Q(resumed_by__isnull=False, resumed_at__isnull=False) & ~Q(why_resumed="")),
                name="a_resumption_has_a_person_and_a_reason",
            ),
        ]
