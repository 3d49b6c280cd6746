"""Who may review what, what they said about it, how they read it, and the days on which nobody does."""

from django.db import models
from django.db.models import F, Q

from compliance.models.review import ReviewItem
from compliance.models.staff import Staff


class Competence(models.Model):
    """What one reviewer was found competent to judge, from when until when, and what shows it.

    area  a topic's code, a product's code, or "*" for every topic and product, also those not yet heard of
    Source: COBS 4.10.9AR and 4.11.1R(2B): the approver's competence is evidenced, dated, and recorded.
    """

    staff = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="competences")
    area = models.CharField(max_length=32)
    evidence = models.CharField(max_length=300)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()
    granted_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["staff", "area"], name="competence_of")]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_until__gt=F("valid_from")), name="a_competence_ends_after_it_starts"
            ),
            models.CheckConstraint(condition=~Q(evidence=""), name="a_competence_has_evidence"),
        ]


class Interest(models.Model):
    """A reviewer's own interest in something, declared by themselves: they do not decide texts about it.

    about  a topic's or product's code, a campaign's slug, or the path a text says it is about
    """

    staff = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="interests")
    about = models.CharField(max_length=200)
    why = models.CharField(max_length=300)
    declared_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)


class CommentKind(models.TextChoices):
    """What a comment asks of its reader."""

    NOTE = "note", "Note"
    QUESTION = "question", "Question"
    MUST_FIX = "must_fix", "Must fix"


class Comment(models.Model):
    """What someone said about a stretch of a text. Its words stay; only that it was settled is added.

    part, start, end, quote  where it stands: characters of that part of the item's words; quote "" is the whole text
    carried_from             the comment on an earlier version that this one repeats where its quote was found again
    """

    item = models.ForeignKey(ReviewItem, on_delete=models.PROTECT, related_name="comments")
    digest = models.CharField(max_length=64)
    kind = models.CharField(max_length=8, choices=CommentKind)
    part = models.CharField(max_length=40, blank=True)
    start = models.PositiveIntegerField(default=0)
    end = models.PositiveIntegerField(default=0)
    quote = models.TextField(blank=True)
    words = models.TextField()
    by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    carried_from = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="carried")
    settled_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    settled_at = models.DateTimeField(null=True)
    settled_how = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(end__gte=F("start")), name="a_comment_ends_after_it_starts"),
            models.CheckConstraint(
                condition=Q(settled_at__isnull=True) | Q(settled_by__isnull=False),
                name="a_comment_is_settled_by_someone",
            ),
        ]


class Reading(models.Model):
    """One person reading one text in one round: when it was opened, and what they made of it when.

    words    words on the page, for the least time a person needs
    verdict  "approve", "reject" or "" · is_seed and was_right tell how a planted text was answered
    """

    item = models.ForeignKey(ReviewItem, on_delete=models.PROTECT, related_name="readings")
    round = models.PositiveSmallIntegerField(default=1)
    staff = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="readings")
    words = models.PositiveIntegerField()
    opened_at = models.DateTimeField()
    verdict = models.CharField(max_length=8, blank=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "round", "staff"], name="one_reading_per_person_and_round")
        ]
        indexes = [models.Index(fields=["staff", "decided_at"], name="readings_decided")]


class Seed(models.Model):
    """A text with a known fault, put into the queue to see whether it is noticed. It never stands approved."""

    item = models.OneToOneField(ReviewItem, on_delete=models.PROTECT, related_name="seed")
    source = models.ForeignKey(ReviewItem, on_delete=models.PROTECT, related_name="+")
    family = models.CharField(max_length=32)
    fault = models.TextField()
    planted_at = models.DateTimeField()


class Invitation(models.Model):
    """One outside counsel's way to decide one text: a link for one person, one digest, one use, until it ends.

    sha256  of the link's secret; the secret itself is nowhere
    """

    item = models.ForeignKey(ReviewItem, on_delete=models.PROTECT, related_name="invitations")
    digest = models.CharField(max_length=64)
    staff = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="invitations")
    sha256 = models.BinaryField(max_length=32, unique=True)
    made_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("made_at")), name="an_invitation_ends_after_it_starts")
        ]


class Holiday(models.Model):
    """A day on which nobody is expected to read, by jurisdiction ("" for everywhere)."""

    on = models.DateField()
    name = models.CharField(max_length=80)
    jurisdiction = models.CharField(max_length=2, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["on", "jurisdiction"], name="a_holiday_is_named_once")]
