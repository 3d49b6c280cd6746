"""What a client asked of us as their right: received, known to be them, answered in time; and links to their copy."""

from django.db import models
from django.db.models import F, Q

from compliance.datamap import PersonalData
from compliance.models.client import Client, Jurisdiction
from compliance.models.staff import Staff


class AskedQuerySet(models.QuerySet):
    """Which requests wait."""

    def waiting(self) -> "AskedQuerySet":
        """Requests nobody has closed."""
        return self.filter(closed_at=None)

    def in_force(self) -> "AskedQuerySet":
        """Open ones that were done when they were received: only the client's answer is left."""
        return self.waiting().filter(kind=Asked.Kind.OBJECTION)

    def to_do(self) -> "AskedQuerySet":
        """Open ones in which somebody still has to do what is asked, by a day."""
        return self.waiting().exclude(kind=Asked.Kind.OBJECTION)


class Asked(models.Model):
    """One request of a client under GDPR Art. 15 to 21 or the laws of their place.

    due_on  the last day to answer; one extension moves it, with its reason · proof  the ledger entry that closed it
    """

    class Kind(models.TextChoices):
        ACCESS = "access", "A copy of their data"
        PORTABILITY = "portability", "Their data to take elsewhere"
        RECTIFICATION = "rectification", "A correction"
        RESTRICTION = "restriction", "That we stop using their data"
        ERASURE = "erasure", "That we erase them"
        OBJECTION = "objection", "No marketing and no profiling for it"

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="asked")
    kind = models.CharField(max_length=16, choices=Kind)
    jurisdiction = models.CharField(max_length=2, choices=Jurisdiction)
    came_by = models.CharField(max_length=40)  # "portal", "letter", "telephone"
    words = models.TextField(blank=True)
    received_at = models.DateTimeField()
    due_on = models.DateField()
    source = models.CharField(max_length=120)  # of the clock
    known_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    known_at = models.DateTimeField(null=True)
    known_how = models.CharField(max_length=200, blank=True)
    extended_why = models.CharField(max_length=300, blank=True)
    extended_at = models.DateTimeField(null=True)
    answer = models.TextField(blank=True)
    is_refused = models.BooleanField(default=False)
    closed_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(null=True)
    proof = models.BigIntegerField(null=True)

    objects = AskedQuerySet.as_manager()

    personal_data = PersonalData(
        client="client",
        why="to answer what the client asked as their right, in time and provably",
        keep_days=6 * 366,
        on_erasure="keep",
        fields=("words", "answer"),
        ground="GDPR Art. 5(2) and 17(3)(e): proof that the request was answered",
        clock="closed_at",
        stays=True,
    )

    class Meta:
        verbose_name, verbose_name_plural = "request", "requests"
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_at=None, proof=None)
                | Q(closed_by__isnull=False, proof__isnull=False)
                & (Q(known_at__isnull=False) | Q(is_refused=True) | Q(kind="objection")),
                name="nobody_is_answered_before_they_are_known",
            ),
            models.CheckConstraint(
                condition=Q(extended_at=None) | ~Q(extended_why=""), name="no_extension_without_a_reason"
            ),
        ]

    @property
    def is_at_once(self) -> bool:
        """Whether it was done when it was received: an objection to marketing is in force before anybody reads it."""
        return self.kind == self.Kind.OBJECTION


class CopyLink(models.Model):
    """A mailed link to a copy of everything we hold about a client: for one use, for half an hour.

    secret  SHA-256 of what the link holds; None until it was mailed
    """

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    secret = models.BinaryField(max_length=32, null=True, unique=True)
    asked_at = models.DateTimeField()
    until = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    personal_data = PersonalData(
        client="client",
        why="to hand a copy to nobody but the client",
        keep_days=366,
        on_erasure="delete",
        clock="asked_at",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(used_at=None) | Q(secret__isnull=False, used_at__lt=F("until")),
                name="a_link_to_a_copy_is_used_in_time",
            ),
        ]
