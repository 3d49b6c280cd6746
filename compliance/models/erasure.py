"""What erasing a person leaves: that it was done, the key that alone opened what was sealed, and what the law keeps."""

import uuid

from django.db import models
from django.db.models import Q

from compliance.datamap import PersonalData
from compliance.models.client import Client


class SubjectKey(models.Model):
    """The secret of one client: it salts the hashes in the ledger's images of their rows and opens what was sealed.

    Made by the database with the client. Destroying it leaves those hashes and seals unreadable for ever, while the
    ledger's digests, which cover the hashes only, go on verifying. No foreign key: nothing but erasure takes it away.
    """

    client_id = models.BigIntegerField(primary_key=True)
    key = models.BinaryField(max_length=32)


class Erasure(models.Model):
    """That a client was erased, here and in every copy of the database that is brought back later.

    ref     the client's pseudonym, as the log outside the database names them; client  None where no such row was found
    kept    rows that the law keeps, sealed and used for nothing but proof · until  the day on which they may go; None
            where nothing is kept or nothing ends it
    counts  rows deleted, blanked and kept, by table
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    ref = models.UUIDField(db_index=True)
    client = models.ForeignKey(Client, null=True, on_delete=models.PROTECT, related_name="+")
    why = models.CharField(max_length=200)
    by = models.CharField(max_length=80)
    at = models.DateTimeField()
    counts = models.JSONField(default=dict)
    kept = models.PositiveIntegerField(default=0)
    until = models.DateField(null=True)
    destroyed_at = models.DateTimeField(null=True)

    personal_data = PersonalData(
        client="client",
        why="to prove that an erasure was done and to repeat it on a restored backup",
        keep_days=None,
        on_erasure="keep",
        ground="GDPR Art. 5(2): proof of the erasure itself; holds a pseudonym only",
        stays=True,
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(why=""), name="no_erasure_without_a_reason"),
        ]


class SealedValue(models.Model):
    """The personal fields of one table's rows of an erased client, under a key that only that client's secret gives."""

    erasure = models.ForeignKey(Erasure, on_delete=models.PROTECT, related_name="sealed")
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    table = models.CharField(max_length=80)  # a model's label
    rows = models.PositiveIntegerField()
    cipher = models.BinaryField()  # 12 bytes nonce, then AES-256-GCM of JSON

    personal_data = PersonalData(
        client="client",
        why="to prove what was sent where the law asks for it after an erasure",
        keep_days=None,
        on_erasure="keep",
        ground="GDPR Art. 17(3)(b) and (e): sealed until the law's period ends, then its key is destroyed",
        stays=True,
    )
