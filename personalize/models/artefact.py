"""Artefact: a trained model, its card, and who let it go live."""

from django.db import models
from simple_history.models import HistoricalRecords


class Stage(models.TextChoices):
    """Where a model stands; only a person moves it to live."""

    SHADOW = "shadow", "Shadow"
    LIVE = "live", "Live"
    RETIRED = "retired", "Retired"


class Artefact(models.Model):
    """One trained model for one use case. Data only, never pickled code; loaded only if its hash matches.

    body  the compiled model as JSON text (see `personalize.decide.score`) · sha256 of that text
    card  {"rows", "positives", "window", "auc", "log_loss", "ece", "lift", "forward_auc", "features", …}
    """

    use_case = models.SlugField(max_length=64, db_index=True)
    version = models.PositiveIntegerField()
    method = models.CharField(max_length=16)  # "linear" or "tables"
    stage = models.CharField(max_length=8, choices=Stage, default=Stage.SHADOW)
    feature_version = models.PositiveSmallIntegerField()
    body = models.TextField()
    sha256 = models.CharField(max_length=64, unique=True)
    card = models.JSONField()
    trained_by = models.CharField(max_length=80)
    trained_at = models.DateTimeField()
    approved_by = models.ForeignKey("compliance.Staff", null=True, on_delete=models.PROTECT, related_name="+")
    approved_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    history = HistoricalRecords(excluded_fields=["body"])

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["use_case", "version"], name="one_row_per_model_version"),
            models.UniqueConstraint(
                fields=["use_case"], condition=models.Q(stage="live"), name="one_live_model_per_use_case"
            ),
            models.CheckConstraint(
                condition=~models.Q(stage="live") | models.Q(approved_by__isnull=False),
                name="a_person_lets_a_model_go_live",
            ),
        ]
