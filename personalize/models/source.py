"""A source: something that sends us events under a write key; and what it sent that we could not keep."""

from django.db import models

from compliance.datamap import PersonalData


class Source(models.Model):
    """One sender of events. Only the SHA-256 of its write key is kept."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=80)
    key_sha256 = models.BinaryField(max_length=32, unique=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()


class QuarantinedItem(models.Model):
    """One item of a batch that was wrong, with the reason; nothing is dropped unseen."""

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="quarantined")
    message_id = models.CharField(max_length=100, blank=True)
    reason = models.CharField(max_length=200)
    body = models.TextField()  # as received, at most 32 kB
    received_at = models.DateTimeField(db_index=True)

    personal_data = PersonalData(
        client="",
        why="to see what a source sends that cannot be kept, and mend it",
        keep_days=30,
        on_erasure="delete",
        fields=("body",),
        clock="received_at",
    )
