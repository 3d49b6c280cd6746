"""ModelUse: the footing on which models of a use case stand."""

from django.db import models
from simple_history.models import HistoricalRecords


class ModelUse(models.Model):
    """One use case that may have models: what for, under which assessments, and who answers for them.

    dpia, lia  where the assessments are kept, e.g. "DPIA-2026-014"; lia may say why none is needed
    """

    class Materiality(models.TextChoices):
        LOW = "low", "low: chooses among approved texts"
        MEDIUM = "medium", "medium: decides how often a client hears from us"
        HIGH = "high", "high: concerns clients in need of care"

    class AiActClass(models.TextChoices):
        MINIMAL = "minimal", "minimal risk"
        LIMITED = "limited", "limited risk: transparency"

    use_case = models.SlugField(max_length=64, unique=True)
    owner = models.ForeignKey("compliance.Staff", on_delete=models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=200)
    materiality = models.CharField(max_length=8, choices=Materiality)
    lawful_basis = models.CharField(max_length=200)
    dpia = models.CharField(max_length=200)
    lia = models.CharField(max_length=200)
    ai_act_class = models.CharField(max_length=8, choices=AiActClass)
    declared_by = models.ForeignKey("compliance.Staff", on_delete=models.PROTECT, related_name="+")
    declared_at = models.DateTimeField()
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ai_act_class__in=["minimal", "limited"]), name="no_high_risk_model_is_made_here"
            )
        ]
