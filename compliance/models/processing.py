"""PurposeRecord: what one purpose does with people's data, on what ground, and why that is right."""

from django.db import models
from django.db.models import Q

from compliance.models.consent import Purpose
from compliance.models.staff import Staff


class Basis(models.TextChoices):
    """The lawful ground of a purpose in one place (GDPR Art. 6(1), 9(2)(a))."""

    CONSENT = "consent", "Consent"
    EXPLICIT = "explicit_consent", "Explicit consent"
    CONTRACT = "contract", "Contract"
    LEGAL = "legal_obligation", "Legal obligation"
    INTEREST = "legitimate_interest", "Legitimate interest"


class PurposeRecord(models.Model):
    """One version of one purpose's record; only its standing ever changes, and only with its review.

    facts         {"processing": {…}, "bases": {place: Basis}, "interest": {…}, "impact": {…}}: see `processing.records`
    until         the day it has to be looked at again
    stands_until  the moment its approval ends, written by the database; None while nobody approved it, or it was
                  withdrawn or followed. Without a record that stands every answer about the purpose is no.
    is_carried    shipped with the product and approved by nobody: it stands until the first review is due
    """

    purpose = models.CharField(max_length=16, choices=Purpose)
    version = models.PositiveIntegerField()
    facts = models.JSONField()
    until = models.DateField()
    digest = models.CharField(max_length=64, unique=True)
    author = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    is_carried = models.BooleanField(default=False, db_default=False)
    stands_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["purpose", "version"], name="one_row_per_record_version"),
            models.UniqueConstraint(
                fields=["purpose"], condition=Q(stands_until__isnull=False), name="one_record_of_a_purpose_stands"
            ),
            models.CheckConstraint(
                condition=Q(is_carried=True, author=None) | Q(is_carried=False, author__isnull=False),
                name="a_record_has_an_author",
            ),
        ]
