"""Drift: one look at whether the clients a live model decides for, and what they do, are still those it was made of."""

from django.db import models
from django.db.models import Q

from personalize.models import Artefact


class Drift(models.Model):
    """One look at one live model; never changed.

    before, now  decisions compared: up to the model's training, and lately
    score_psi    population stability index of its score, null where there are too few · features  the same of the
                 features that moved most, [[code, psi], …]
    matured, slope, slope_low, slope_high  its own decisions with known success, and the calibration slope with its 95 %
                 interval, null where there are too few
    verdict      "not_enough", "steady", "moved" (a feature did, the score did not) or "drifted" · words  why
    """

    artefact = models.ForeignKey(Artefact, on_delete=models.PROTECT, related_name="drifts")
    since = models.DateTimeField()
    made_at = models.DateTimeField()
    before = models.PositiveIntegerField()
    now = models.PositiveIntegerField()
    score_psi = models.FloatField(null=True)
    features = models.JSONField(default=list)
    matured = models.PositiveIntegerField()
    slope = models.FloatField(null=True)
    slope_low = models.FloatField(null=True)
    slope_high = models.FloatField(null=True)
    verdict = models.CharField(max_length=10)
    words = models.TextField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict__in=["not_enough", "steady", "moved", "drifted"]), name="a_drift_is_known"
            )
        ]
        indexes = [models.Index(fields=["artefact", "-made_at"], name="drift_newest")]
