"""Offer and fairness report: what a block puts before a client in money and time, and whether groups get it alike."""

from django.db import models
from django.db.models import Q

from campaigns.models.block import BlockVersion
from campaigns.models.campaign import Campaign
from compliance.models import Staff
from personalize.models import Artefact


class OfferKind(models.TextChoices):
    """What being shown an offer does to a client."""

    BENEFICIAL = "beneficial", "Beneficial: anybody should get to see it alike"
    HARMFUL = "harmful", "Can do harm: high fees, high risk, credit"


class Offer(models.Model):
    """What one block version offers; said once, as its words never change.

    fee_bps    all costs of a year in hundredths of a percent · term_days  how long the client has, or is bound
    """

    version = models.OneToOneField(BlockVersion, on_delete=models.PROTECT, related_name="offer")
    kind = models.CharField(max_length=12, choices=OfferKind)
    fee_bps = models.PositiveIntegerField(null=True)
    term_days = models.PositiveIntegerField(null=True)
    said_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    said_at = models.DateTimeField()


class FairnessReport(models.Model):
    """What was found when groups were compared; never changed. Of a campaign as it went, or of a model beforehand.

    verdict   pass, warn, not_enough or fail (`personalize.learn.fairness.Verdict`)
    findings  [{"attribute", "measure", "label", …}], see `personalize.learn.fairness.Finding`
    clients   how many were looked at · limits  the thresholds that it was judged by
    """

    campaign = models.ForeignKey(Campaign, null=True, on_delete=models.PROTECT, related_name="fairness_reports")
    artefact = models.ForeignKey(Artefact, null=True, on_delete=models.PROTECT, related_name="fairness_reports")
    since = models.DateTimeField(null=True)
    until = models.DateTimeField()
    clients = models.PositiveIntegerField()
    verdict = models.CharField(max_length=12)
    findings = models.JSONField()
    limits = models.JSONField()
    made_by = models.CharField(max_length=80)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(campaign__isnull=True) ^ Q(artefact__isnull=True), name="a_report_is_of_one_thing"
            ),
            models.CheckConstraint(
                condition=Q(verdict__in=["pass", "warn", "not_enough", "fail"]), name="a_verdict_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["campaign", "-made_at"], name="fairness_of_campaign"),
            models.Index(fields=["artefact", "-made_at"], name="fairness_of_model"),
        ]
