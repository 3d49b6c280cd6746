"""Topics, and the review of exact texts by their digest."""

from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q
from simple_history.models import HistoricalRecords

from compliance.models.staff import Staff

CLAIM_LASTS = timedelta(hours=2)


class Topic(models.Model):
    """A sensitive topic: who must look, and how many of them."""

    code = models.CharField(max_length=32, primary_key=True)
    name = models.CharField(max_length=80)
    covers = models.TextField()
    approvals = models.PositiveSmallIntegerField(default=1)
    officers = models.PositiveSmallIntegerField(default=0)  # how many of the approvals a compliance officer must give
    audience_rule = models.TextField(blank=True)
    lexicon = models.JSONField(default=list)  # patterns, applied to normalised text
    history = HistoricalRecords()


class ReviewState(models.TextChoices):
    """Where a text stands. Rejected is final for that digest."""

    WAITING = "waiting", "Waiting"
    CLAIMED = "claimed", "Being read"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Approval withdrawn"


class ReviewKind(models.TextChoices):
    """What kind of thing is under review; one engine decides them all, by the digest of their content."""

    BLOCK = "block", "Content block"
    VARIANT = "variant", "Assembled message"
    PAIR_SET = "pair_set", "Combinations of a campaign"
    SAMPLE = "sample", "Sample of messages"
    COMBINATION_RULE = "combination_rule", "Combination rule"
    TEMPLATE = "template", "Template"
    CAMPAIGN = "campaign", "Campaign"
    JOURNEY = "journey", "Journey"
    MODEL = "model", "Model"
    COPY_RULE = "copy_rule", "Copy rule"
    POLICY = "policy", "Review policy"
    FIGURE = "figure", "Figure that texts show"
    RECORD = "record", "Record of a purpose"


class ReviewQuerySet(models.QuerySet):
    """The queue's questions."""

    def open(self) -> "ReviewQuerySet":
        """Items nobody has decided yet."""
        return self.filter(state__in=[ReviewState.WAITING, ReviewState.CLAIMED])

    def asked(self, *, state: str = "", topic: str = "", campaign: str = "", digest: str = "") -> "ReviewQuerySet":
        """Items by state ("open" for undecided), topic, campaign and digest; empty asks for any."""
        items = self.open() if state == "open" else self.filter(state=state) if state else self
        items = items.filter(topics__contains=[topic]) if topic else items
        items = items.filter(snapshot__campaign=campaign) if campaign else items
        return items.filter(digest=digest) if digest else items

    def decided(self) -> "ReviewQuerySet":
        """Items somebody approved, rejected or withdrew."""
        return self.filter(state__in=[ReviewState.APPROVED, ReviewState.REJECTED, ReviewState.WITHDRAWN])

    def by_urgency(self) -> "ReviewQuerySet":
        """The order of the queue: what could do most harm first, then what is due, then what most people wait for."""
        return self.order_by("-harm", "due_at", "-reach", "pk")

    def planted(self) -> "ReviewQuerySet":
        """Texts with a known fault, put in to see whether it is noticed."""
        return self.filter(seed__isnull=False)

    def without_conflict(self, staff: Staff) -> "ReviewQuerySet":
        """Items about nothing that this person has declared an interest in."""
        items = self
        for about in staff.interests.filter(ended_at=None).values_list("about", flat=True):
            items = items.exclude(
                Q(topics__contains=[about])
                | Q(products__contains=[about])
                | Q(snapshot__campaign=about)
                | Q(snapshot__about=about)
            )
        return items

    def ending(self, *, at: datetime, within: timedelta) -> "ReviewQuerySet":
        """Approvals that end soon, the first to end first."""
        return self.filter(state=ReviewState.APPROVED, valid_until__gt=at, valid_until__lte=at + within).order_by(
            "valid_until", "pk"
        )

    def written_by(self, staff: Staff) -> "ReviewQuerySet":
        """Items this person wrote a part of, or submitted."""
        mine = Authorship.objects.filter(staff=staff).values("digest")
        return self.filter(Q(submitted_by=staff) | Q(digest__in=mine), seed=None)

    def not_written_by(self, staff: Staff) -> "ReviewQuerySet":
        """Items this person had no hand in, so may decide."""
        mine = Authorship.objects.filter(staff=staff).values("digest")
        return self.exclude(submitted_by=staff).exclude(digest__in=mine)

    def free_for(self, staff: Staff, at: datetime) -> "ReviewQuerySet":
        """Open items that nobody else is reading; a claim lapses after two hours."""
        return self.filter(
            Q(state=ReviewState.WAITING)
            | Q(state=ReviewState.CLAIMED, claimed_by=staff)
            | Q(state=ReviewState.CLAIMED, claimed_at__lt=at - CLAIM_LASTS)
        )


class ReviewItem(models.Model):
    """One exact text in the queue. Approval attaches to `digest`, never to a row of another package.

    snapshot  {"title": str, "parts": {"subject": str, "html": str, "text": str, …}, "about": str (a URL path),
               "campaign": str} - the very words, and where they come from
    topics    codes of the topics found · findings  [{"rule","family","severity","start","end","quote","citation",
              "part","suggestion"}]
    authors   primary keys of everybody who wrote any part; a constraint trigger bars them from deciding
    """

    digest = models.CharField(max_length=64)
    kind = models.CharField(max_length=20, choices=ReviewKind)
    title = models.CharField(max_length=200)
    snapshot = models.JSONField()
    topics = models.JSONField(default=list)
    products = models.JSONField(default=list)  # codes of the regulated products it speaks of
    findings = models.JSONField(default=list)
    harm = models.PositiveSmallIntegerField(default=0)  # 0 ordinary … 3 could hurt someone in a hard moment
    escalation = models.PositiveSmallIntegerField(default=0)  # 0 reviewer, 1 the pool, 2 the head, 3 held
    ruleset = models.CharField(max_length=64)
    reason = models.CharField(max_length=200)  # why it was routed, in words
    approvals_needed = models.PositiveSmallIntegerField(default=1)
    officers_needed = models.PositiveSmallIntegerField(default=0)  # how many of them a compliance officer must give
    round = models.PositiveSmallIntegerField(default=1)  # a reopened item starts a new round of approvals
    reach = models.PositiveIntegerField(default=0)  # messages waiting for it
    state = models.CharField(max_length=10, choices=ReviewState, default=ReviewState.WAITING)
    submitted_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    submitted_at = models.DateTimeField()
    due_at = models.DateTimeField()
    claimed_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    claimed_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.TextField(blank=True)
    valid_until = models.DateTimeField(null=True)  # an approval's end; time never approves, it only ends approvals
    stopped_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")  # starts it no more
    # The first of two who end what keeps words back: see compliance.judging.endings.
    end_asked_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    end_asked_at = models.DateTimeField(null=True)
    history = HistoricalRecords()

    objects = ReviewQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["state", "due_at"], name="review_queue")]
        constraints = [
            models.UniqueConstraint(fields=["digest"], name="one_review_per_exact_text"),
            models.CheckConstraint(
                # One may stop, two must start: withdrawing one's own text is allowed.
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("submitted_by")) | Q(state="withdrawn"),
                name="nobody_approves_their_own_text",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "rejected", "withdrawn"])
                | Q(decided_by__isnull=False, decided_at__isnull=False),
                name="a_decision_has_a_person_and_a_time",
            ),
        ]

    def handed_in_by(self) -> Staff:
        """Who a reader is told handed it in: of a planted text that waits, whoever handed in the text it was made of.

        Load `HANDED_IN` with it.
        """
        planted = getattr(self, "seed", None)
        return planted.source.submitted_by if planted and not self.decided_at else self.submitted_by


HANDED_IN = ("submitted_by", "seed__source__submitted_by")  # for select_related


class Authorship(models.Model):
    """Who wrote a text: one row per digest and person. Four eyes are checked against it."""

    digest = models.CharField(max_length=64, db_index=True)
    staff = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["digest", "staff"], name="an_author_is_named_once")]


class Approval(models.Model):
    """One person's yes to one digest. Insert only; a trigger bars authors, the submitter and superusers.

    scope  what the yes is a yes to, no more: {"kind": "block"}, {"kind": "exact_variant"}, {"kind": "whole"},
           {"kind": "pair_set", "pairs", "rows"} or {"kind": "sample", "n", "seed", "frame"}
    """

    item = models.ForeignKey(ReviewItem, on_delete=models.PROTECT, related_name="approvals")
    digest = models.CharField(max_length=64)
    by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    reason = models.TextField()
    round = models.PositiveSmallIntegerField(default=1)
    scope = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "round", "by"], name="one_approval_per_person_and_text")]
