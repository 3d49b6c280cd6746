"""A text that was decided, or went by the policy, read again by somebody who does not know what was made of it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from compliance.models.review import ReviewItem, ReviewKind
from compliance.models.staff import Staff


class SecondReading(models.Model):
    """One text drawn by chance, what its blind reader made of it, and who settled a difference. Triggers guard it.

    stratum        what it was drawn among · chance  how likely it was to be drawn, in (0, 1]
    first_verdict  "approve" or "reject"; what goes by the policy was let through · topics  found in it by the rules
    involved       who wrote, handed in, read or decided it: none of them reads it again
    seen_by        who has had it blind, whatever came of it: nobody gets the same text twice
    topics_seen    what the reader found it to touch · judged  the verdict that counts where the two differ
    """

    class Stratum(models.TextChoices):
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        PASSED = "passed", "Went by the policy, unread as a whole"

    item = models.ForeignKey(ReviewItem, null=True, on_delete=models.PROTECT, related_name="second_readings")
    digest = models.CharField(max_length=64)
    round = models.PositiveSmallIntegerField(default=1)
    kind = models.CharField(max_length=20, choices=ReviewKind)
    title = models.CharField(max_length=200)
    snapshot = models.JSONField()
    topics = models.JSONField(default=list)
    campaign = models.CharField(max_length=80, blank=True)
    involved = ArrayField(models.BigIntegerField(), default=list)
    stratum = models.CharField(max_length=8, choices=Stratum)
    chance = models.FloatField()
    first_verdict = models.CharField(max_length=8)
    drawn_at = models.DateTimeField()
    reader = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    taken_at = models.DateTimeField(null=True)
    seen_by = ArrayField(models.BigIntegerField(), default=list)
    verdict = models.CharField(max_length=8, blank=True)
    reason = models.TextField(blank=True)
    topics_seen = models.JSONField(default=list)
    decided_at = models.DateTimeField(null=True)
    judge = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    judged = models.CharField(max_length=8, blank=True)
    judged_reason = models.TextField(blank=True)
    judged_topics = models.JSONField(default=list)
    judged_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["decided_at"], name="second_reading_decided")]
        constraints = [
            models.UniqueConstraint(fields=["digest", "round"], name="a_text_is_drawn_once"),
            models.UniqueConstraint(
                fields=["reader"], condition=Q(decided_at=None), name="a_person_reads_one_text_blind_at_a_time"
            ),
            models.CheckConstraint(
                condition=(
                    Q(stratum__in=["approved", "passed"], first_verdict="approve")
                    | Q(stratum="rejected", first_verdict="reject")
                )
                & Q(chance__gt=0, chance__lte=1),
                name="a_second_reading_says_how_it_was_drawn",
            ),
            models.CheckConstraint(
                condition=Q(decided_at=None, verdict="")
                | Q(decided_at__isnull=False, verdict__in=["approve", "reject"], reader__isnull=False) & ~Q(reason=""),
                name="a_second_verdict_has_a_reader_and_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(judged_at=None, judged="", judge=None)
                | Q(judged_at__isnull=False, judged__in=["approve", "reject"], judge__isnull=False)
                & Q(decided_at__isnull=False)
                & ~Q(judge=F("reader"))
                & ~Q(judged_reason=""),
                name="a_difference_is_settled_by_a_third",
            ),
        ]

    @property
    def is_disputed(self) -> bool:
        """Whether the reader said otherwise, or found a topic that nobody had found."""
        return bool(self.decided_at) and (
            self.verdict != self.first_verdict or not set(self.topics_seen) <= set(self.topics)
        )

    @property
    def is_open(self) -> bool:
        """Whether a third person has to settle it."""
        return self.is_disputed and self.judged_at is None

    @property
    def settled(self) -> str:
        """The verdict that counts: the third's where the two differ, else what both said; "" while it is open."""
        return self.judged or ("" if self.is_open or not self.decided_at else self.verdict)

    @property
    def settled_topics(self) -> list[str]:
        """The topics that count, known once it is settled."""
        return self.judged_topics if self.judged_at else self.topics_seen
