"""Figure: a rate, a loss share or a claim that texts state, with its evidence and the day it ends."""

from django.db import models
from django.db.models import F, Q

from compliance.models import Staff


class FigureKind(models.TextChoices):
    """What a figure tells."""

    RATE = "rate", "Rate"
    LOSS = "loss", "Share of clients who lose money"
    CLAIM = "claim", "Claim"


class Figure(models.Model):
    """One version of one figure; it never changes once written.

    words        as every text that shows it has them, e.g. "76% of retail accounts lose money"
    as_of, until  days the evidence counts from, and no longer counts on; an approval ends with it
    digest       what an approval of it attaches to
    The newest version that reviewers decided is in force while its approval stands; texts that show anything else wait.
    """

    code = models.SlugField(max_length=40)
    version = models.PositiveIntegerField(default=1)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=5, choices=FigureKind)
    words = models.CharField(max_length=200)
    product = models.CharField(max_length=32, blank=True)
    evidence = models.CharField(max_length=500)
    as_of = models.DateField()
    until = models.DateField()
    digest = models.CharField(max_length=64, unique=True)
    author = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["code", "version"], name="one_row_per_figure_version"),
            models.CheckConstraint(
                condition=Q(until__gt=F("as_of")) & ~Q(evidence="") & ~Q(words=""),
                name="a_figure_has_evidence_and_an_end",
            ),
        ]
