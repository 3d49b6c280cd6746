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
    card  what it says is in `personalize.registry.fields` and `personalize.cards`
    owner answers for it; validator, someone else, tried to prove it wrong and wrote `findings`
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
    owner = models.ForeignKey("compliance.Staff", null=True, on_delete=models.PROTECT, related_name="+")
    owned_at = models.DateTimeField(null=True)
    validator = models.ForeignKey("compliance.Staff", null=True, on_delete=models.PROTECT, related_name="+")
    validated_at = models.DateTimeField(null=True)
    findings = models.TextField(blank=True, default="")
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
            models.CheckConstraint(
                condition=~models.Q(stage="live")
                | models.Q(
                    owner__isnull=False, validator__isnull=False, validated_at__isnull=False, expires_at__isnull=False
                ),
                name="a_live_model_has_an_owner_a_validator_and_an_end",
            ),
            models.CheckConstraint(
                condition=models.Q(owner__isnull=True)
                | models.Q(validator__isnull=True)
                | ~models.Q(owner=models.F("validator")),
                name="nobody_validates_the_model_they_own",
            ),
            models.CheckConstraint(
                condition=models.Q(owner__isnull=True)
                | models.Q(approved_by__isnull=True)
                | ~models.Q(owner=models.F("approved_by")),
                name="nobody_approves_the_model_they_own",
            ),
        ]
