"""Events: what a client did, as first-party data; and the anonymous ids that led to the client."""

from django.db import models

from compliance.datamap import PersonalData
from compliance.models import Client
from personalize.models.source import Source


class EventType(models.TextChoices):
    """Segment's calls."""

    IDENTIFY = "identify", "identify"
    TRACK = "track", "track"
    PAGE = "page", "page"
    SCREEN = "screen", "screen"
    GROUP = "group", "group"
    ALIAS = "alias", "alias"


class Event(models.Model):
    """One call from a source; (source, message_id) is unique for ever, so a replay changes nothing.

    occurred_at  when it happened: `timestamp` corrected by (receivedAt - sentAt); received_at when we got it

    That an event has its source and its client is checked by the database a statement at a time: the
    row-wise foreign keys cost more than everything else that keeps an event.
    """

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    message_id = models.CharField(max_length=100)
    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, related_name="events", db_constraint=False, db_index=False
    )
    type = models.CharField(max_length=8, choices=EventType)
    name = models.CharField(max_length=200)
    properties = models.JSONField(default=dict)  # properties of track/page/screen, traits of identify/group
    context = models.JSONField(default=dict)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()

    personal_data = PersonalData(
        client="client",
        why="to know what the client did with us",
        keep_days=400,
        on_erasure="delete",
        fields=("properties", "context"),
        clock="received_at",
        record="behaviour",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "message_id"], name="an_event_counts_once")]
        indexes = [
            models.Index(fields=["client", "occurred_at"], name="event_by_client"),
            models.Index(fields=["received_at"], name="event_by_arrival"),
        ]


class Identity(models.Model):
    """An anonymous id or a former user id that belongs to a client."""

    source = models.ForeignKey(Source, null=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12)  # "anonymous" or "user"
    value = models.CharField(max_length=255)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="identities")
    at = models.DateTimeField()

    personal_data = PersonalData(
        client="client",
        why="to recognise a returning device",
        keep_days=400,
        on_erasure="delete",
        fields=("value",),
    )

    class Meta:
        verbose_name_plural = "identities"
        constraints = [models.UniqueConstraint(fields=["kind", "value"], name="an_identity_has_one_client")]


class MergeRequest(models.Model):
    """Two identified clients that may be one person. Only a person decides (`identity.merge`)."""

    kept = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    absorbed = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=200)
    state = models.CharField(max_length=8, default="waiting")  # waiting, merged, refused
    asked_at = models.DateTimeField()
    decided_by = models.ForeignKey("compliance.Staff", null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    moved = models.JSONField(default=dict)  # what the merge moved, so that it can be undone

    personal_data = PersonalData(
        client="kept",
        why="to merge records only with a person's consent",
        keep_days=6 * 365,
        on_erasure="keep",
        ground="GDPR Art. 17(3)(e): record of who merged two people",
        fields=("moved", "reason"),
        clock="asked_at",
        others=("absorbed",),
        addresses=("moved__was__email", "moved__kept_was__email"),
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kept", "absorbed"], condition=models.Q(state="waiting"), name="one_open_request_per_pair"
            ),
        ]
