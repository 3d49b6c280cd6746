"""OutlookCheck: how far a use case that scores clients has come, and how a model of it did on what came later."""

from django.db import models

from personalize.models.artefact import Artefact


class OutlookCheck(models.Model):
    """One night's look at one use case; never changed.

    artefact         the model that was judged; None: how much there is to learn from, and how the rule does
    rows, positives  looks whose label has come, and those where it came true
    auc, auc_rule    how well the model, and the rule, told them apart; None where nothing can be said
    slope            of the model's calibration · fault  why it may not go on, as a sentence; empty when it may
    """

    case = models.SlugField(max_length=64)
    artefact = models.ForeignKey(Artefact, null=True, on_delete=models.PROTECT, related_name="+")
    rows = models.PositiveIntegerField()
    positives = models.PositiveIntegerField()
    auc = models.FloatField(null=True)
    auc_rule = models.FloatField(null=True)
    slope = models.FloatField(null=True)
    fault = models.TextField(blank=True)
    made_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["case", "-made_at"], name="outlook_check_newest")]
