"""A client: a person we write to."""

import uuid

from django.db import models

from compliance.datamap import PersonalData


class Jurisdiction(models.TextChoices):
    """Whose law decides what we may send."""

    UK = "UK", "United Kingdom"
    EU = "EU", "European Union"
    US = "US", "United States"


class Client(models.Model):
    """One person. Their row is also the lock that an opt-out and a hand-over to SMTP both take.

    `user_id` is the firm's own key for a person it knows; null while we only saw a device.
    `email` is normalised (see `compliance.contact.normalise`); empty when unknown.
    """

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user_id = models.CharField(max_length=255, null=True, unique=True)  # noqa: DJ001 - null lets many be anonymous
    email = models.CharField(max_length=254, blank=True, db_index=True)
    first_name = models.CharField(max_length=100, blank=True)
    last_name = models.CharField(max_length=100, blank=True)
    language = models.CharField(max_length=8, default="en")
    timezone = models.CharField(max_length=64, default="Europe/London")
    jurisdiction = models.CharField(max_length=2, choices=Jurisdiction, default=Jurisdiction.UK)
    merged_into = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="absorbed")
    first_seen_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True)
    restricted_at = models.DateTimeField(null=True)  # GDPR Art. 18: kept, and used for nothing but proof

    personal_data = PersonalData(
        client="self",
        why="to know who the client is and how to reach them",
        keep_days=None,
        on_erasure="blank",
        fields=("user_id", "email", "first_name", "last_name"),
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(merged_into=models.F("id")), name="nobody_is_merged_into_themselves"
            ),
        ]

    def __str__(self) -> str:
        return f"client {self.pk}"
