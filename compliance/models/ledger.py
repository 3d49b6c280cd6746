"""The ledger: what was done. Rows are only ever added; triggers add most of them."""

from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import F


class LedgerEntry(models.Model):
    """One deed ("review.approved") or one row image ("row.insert", "row.update", "row.delete").

    xid     PostgreSQL transaction id (xid8 as bigint): the sealer's watermark, see `compliance.ledger.seal`
    at      when it happened, as told · recorded_at, login: the database's own clock and who was connected to it
    digest  SHA-256 of the canonical bytes of every other column; computed by the database on insert
    """

    xid = models.BigIntegerField()
    at = models.DateTimeField()
    kind = models.CharField(max_length=48)
    actor = models.CharField(max_length=80)  # "staff:3", "client:17", "system:worker", "source:web"
    request = models.CharField(max_length=64, blank=True)
    about = models.CharField(max_length=120)  # "review:12", "campaigns_message:0190…"
    facts = models.JSONField()
    recorded_at = models.DateTimeField(null=True)  # null, and login empty, in entries older than these columns
    login = models.CharField(max_length=64, blank=True, db_default="")
    digest = models.BinaryField(max_length=32)

    class Meta:
        indexes = [
            models.Index(OpClass(F("about"), "varchar_pattern_ops"), F("at"), F("id"), name="ledger_about_at"),
            models.Index(fields=["actor", "at", "id"], name="ledger_actor_at"),
            models.Index(fields=["kind", "at", "id"], name="ledger_kind_at"),
            models.Index(fields=["at", "id"], name="ledger_at_id"),
            models.Index(fields=["xid", "id"], name="ledger_seal_order"),
        ]


class LedgerLeaf(models.Model):
    """A sealed entry's place in the Merkle tree (RFC 6962, leaves from 0)."""

    index = models.BigIntegerField(primary_key=True)
    entry = models.OneToOneField(LedgerEntry, on_delete=models.PROTECT, related_name="leaf")
    hash = models.BinaryField(max_length=32)


class LedgerTile(models.Model):
    """The root of a full subtree of 256 ** level leaves, so that one proof needs no walk over the tree."""

    level = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "index"], name="one_tile_per_place")]


class Checkpoint(models.Model):
    """A signed tree head. `note` is the whole C2SP signed note; `frontier` the roots of full subtrees, hex."""

    size = models.BigIntegerField(unique=True)
    root = models.BinaryField(max_length=32)
    frontier = models.JSONField()
    last_xid = models.BigIntegerField()
    last_entry = models.BigIntegerField()
    note = models.TextField()
    at = models.DateTimeField()


class Packet(models.Model):
    """A request for the regulator's file and, once built, where it is."""

    scope = models.JSONField()  # {"client": id|None, "campaign": slug|None, "from": date|None, "to": date|None}
    reason = models.CharField(max_length=200)
    requested_by = models.ForeignKey("compliance.Staff", on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=8, default="waiting")  # waiting, building, ready, failed
    error = models.CharField(max_length=300, blank=True)
    path = models.CharField(max_length=300, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
