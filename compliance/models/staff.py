"""Staff: the firm's own people, who sign in."""

from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models

from compliance.datamap import PersonalData


class Role(models.TextChoices):
    """What a person does here; each role is a group of the same name."""

    MARKETER = "marketer", "Marketer"
    EDITOR = "editor", "Editor"
    OFFICER = "officer", "Compliance officer"
    ADMIN = "admin", "Administrator"
    COUNSEL = "counsel", "Outside counsel"  # has no sign-in: decides one text by a link made for it


class Staff(AbstractUser):
    """One of our people. Never a client: clients have signed links, not passwords.

    standing: counts changes of role and of being let in. A trigger counts, and ends the person's sessions with it;
    a token of an earlier standing opens nothing.
    """

    role = models.CharField(max_length=16, choices=Role)
    standing = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        permissions = [
            ("build_campaigns", "Can build, preview, launch and stop campaigns"),
            ("review_texts", "Can claim, approve and reject texts"),
            ("oversee", "Can read everything, export packets and verify the ledger"),
            ("serve_pages", "Can have pages filled, whatever chose the words, and nothing else"),
            ("manage_staff", "Can change roles, let people in and out, and take back their tokens"),
        ]

    @property
    def reviews(self) -> bool:
        """Whether they are at work as an editor or a compliance officer; an administrator never is."""
        return self.is_active and not self.is_superuser and self.role in (Role.EDITOR, Role.OFFICER)

    @property
    def is_officer(self) -> bool:
        """Whether they are at work as a compliance officer; an administrator never is."""
        return self.reviews and self.role == Role.OFFICER


class ApiTokenQuerySet(models.QuerySet):
    """Questions about tokens."""

    def of_now(self) -> "ApiTokenQuerySet":
        """Those whose owner is let in and has the standing that the token was given for."""
        return self.filter(staff__is_active=True, standing=models.F("staff__standing"))

    def open(self, at: datetime) -> "ApiTokenQuerySet":
        """Those that open something at `at`: of now, not revoked, not expired."""
        lasting = models.Q(expires_at=None) | models.Q(expires_at__gt=at)
        return self.of_now().filter(lasting, revoked_at=None)


class ApiToken(models.Model):
    """A bearer token of one staff member; only its SHA-256 is kept.

    scopes    "read" for what changes nothing, and the permission each change needs, e.g. "review_texts"
    standing  the owner's when it was given
    """

    staff = models.ForeignKey(Staff, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    sha256 = models.BinaryField(max_length=32, unique=True)
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    standing = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = ApiTokenQuerySet.as_manager()


class ApiTokenUse(models.Model):
    """When a token was last used, to the minute: apart, so that using one changes no recorded row."""

    token = models.OneToOneField(ApiToken, on_delete=models.CASCADE, primary_key=True, related_name="use")
    at = models.DateTimeField()


class IdempotentCall(models.Model):
    """The stored answer to one POST under an Idempotency-Key (24 hours)."""

    staff = models.ForeignKey(Staff, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    path = models.CharField(max_length=300)
    body_sha256 = models.BinaryField(max_length=32)
    status = models.SmallIntegerField(null=True)
    answer = models.BinaryField(null=True)
    at = models.DateTimeField()

    personal_data = PersonalData(
        client="",
        why="to give the same answer to a request that is sent again",
        keep_days=2,
        on_erasure="delete",
        fields=("path",),
        clock="at",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["staff", "key"], name="one_call_per_idempotency_key")]
