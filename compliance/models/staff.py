"""Staff: the firm's own people, who sign in."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class Role(models.TextChoices):
    """What a person does here; each role is a group of the same name."""

    MARKETER = "marketer", "Marketer"
    EDITOR = "editor", "Editor"
    OFFICER = "officer", "Compliance officer"
    ADMIN = "admin", "Administrator"
    COUNSEL = "counsel", "Outside counsel"  # has no sign-in: decides one text by a link made for it


class Staff(AbstractUser):
    """One of our people. Never a client: clients have signed links, not passwords."""

    role = models.CharField(max_length=16, choices=Role)

    class Meta:
        permissions = [
            ("build_campaigns", "Can build, preview, launch and stop campaigns"),
            ("review_texts", "Can claim, approve and reject texts"),
            ("oversee", "Can read everything, export packets and verify the ledger"),
        ]


class ApiToken(models.Model):
    """A bearer token of one staff member; only its SHA-256 is kept."""

    staff = models.ForeignKey(Staff, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    sha256 = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)


class IdempotentCall(models.Model):
    """The stored answer to one POST under an Idempotency-Key (24 hours)."""

    staff = models.ForeignKey(Staff, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    path = models.CharField(max_length=300)
    body_sha256 = models.BinaryField(max_length=32)
    status = models.SmallIntegerField(null=True)
    answer = models.BinaryField(null=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["staff", "key"], name="one_call_per_idempotency_key")]
