"""Copy rules as dated versions, what a later rule found in approved words, and who held a finding to be wrong."""

from datetime import datetime

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from simple_history.models import HistoricalRecords

from compliance.models.review import ReviewItem
from compliance.models.staff import Staff


class Severity(models.TextChoices):
    """What a rule does to a text that breaks it."""

    BLOCK = "BLOCK", "Blocks: only a compliance officer lets it pass, in writing"
    REVIEW = "REVIEW", "Review: an editor decides"
    WARN = "WARN", "Warns: author and reviewer are told"


class CopyRuleQuerySet(models.QuerySet):
    """Which rules hold when."""

    def in_force(self, at: datetime) -> "CopyRuleQuerySet":
        """Of each rule the newest version that was enacted by `at`, unless its last day is over."""
        later = CopyRule.objects.filter(code=OuterRef("code"), version__gt=OuterRef("version"), enacted_at__lte=at)
        in_date = self.filter(Q(valid_to=None) | Q(valid_to__gte=at.date()), enacted_at__lte=at)
        return in_date.filter(~Exists(later))


class CopyRule(models.Model):
    """One version of one copy rule, with its source and its own test texts; triggers let nothing but enactment change.

    severity, styles, market, purposes, deniable, match, also, unless, phrases  see compliance.words.lint.Rule
    structure   the name of a check in compliance.words.structure instead of a pattern
    trips, spares  lists of texts that it must and must not find
    digest      sha256 hex of everything above, what an approval attaches to
    author      None for those that the package ships; they are in force from the day the package dates them
    enacted_at  when an approved version took effect and what was approved before had been read again under it
    """

    code = models.CharField(max_length=8)
    version = models.PositiveIntegerField(default=1)
    family = models.CharField(max_length=32)
    severity = models.CharField(max_length=8, choices=Severity)
    styles = models.JSONField(default=list, blank=True)  # [] means every style
    market = models.CharField(max_length=2, blank=True)  # "" means every market
    purposes = models.JSONField(default=list, blank=True)  # [] means every purpose
    text = models.TextField()
    trips = models.JSONField(default=list)
    spares = models.JSONField(default=list)
    citation = models.TextField()
    suggestion = models.TextField(blank=True)
    match = models.TextField(blank=True)
    also = models.TextField(blank=True)
    unless = models.TextField(blank=True)
    phrases = models.JSONField(default=list, blank=True)
    structure = models.CharField(max_length=40, blank=True)
    deniable = models.BooleanField(default=False)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True)
    why = models.CharField(max_length=300, blank=True)  # what this version changes and why
    digest = models.CharField(max_length=64, unique=True)
    author = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(null=True)
    enacted_at = models.DateTimeField(null=True)
    history = HistoricalRecords()

    objects = CopyRuleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["code", "version"], name="one_row_per_rule_version"),
            models.CheckConstraint(
                condition=Q(valid_to=None) | Q(valid_to__gte=F("valid_from")), name="a_rule_ends_after_it_starts"
            ),
            models.CheckConstraint(condition=~Q(citation="") & ~Q(text=""), name="a_rule_has_a_text_and_a_source"),
            models.CheckConstraint(
                condition=~Q(trips=[]) & ~Q(spares=[]), name="a_rule_has_a_text_that_trips_and_one_that_does_not"
            ),
        ]


class LateFinding(models.Model):
    """What a rule that was enacted after the words were judged finds in them; added to, and put back once.

    part, start, end, quote  as a finding's, see ReviewItem
    due_at       when the words go back to the reviewers unless they were approved anew: at once for BLOCK
    put_back_at  when they went
    """

    rule = models.ForeignKey(CopyRule, on_delete=models.PROTECT, related_name="late_findings")
    item = models.ForeignKey(ReviewItem, on_delete=models.PROTECT, related_name="late_findings")
    part = models.CharField(max_length=40)
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    quote = models.TextField(blank=True)
    found_at = models.DateTimeField()
    due_at = models.DateTimeField()
    put_back_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rule", "item", "part", "start"], name="a_late_finding_is_made_once"),
            models.CheckConstraint(condition=Q(end__gte=F("start")), name="a_late_finding_ends_after_it_starts"),
        ]
        indexes = [models.Index(fields=["due_at"], condition=Q(put_back_at=None), name="late_findings_due")]


class Disagreement(models.Model):
    """A reviewer's word that a finding is wrong, with the text it was about; never changed, and training data.

    rule, version  as the finding names them; version None for a topic or the trained look
    text, style, market  the part as it was judged
    """

    item = models.ForeignKey(ReviewItem, on_delete=models.PROTECT, related_name="disagreements")
    rule = models.CharField(max_length=40)
    version = models.PositiveIntegerField(null=True)
    part = models.CharField(max_length=40)
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    quote = models.TextField(blank=True)
    text = models.TextField()
    style = models.CharField(max_length=12)
    market = models.CharField(max_length=2, blank=True)
    why = models.CharField(max_length=300)
    by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["item", "rule", "part", "start", "by"], name="one_disagreement_per_finding_and_person"
            ),
            models.CheckConstraint(condition=~Q(why=""), name="a_disagreement_says_why"),
        ]
        indexes = [models.Index(fields=["rule", "version"], name="disagreements_of_a_rule")]
