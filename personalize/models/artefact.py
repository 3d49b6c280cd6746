"""Artefact: a trained model, its card, and the steps that people let it take."""

from django.db import models
from simple_history.models import HistoricalRecords


class Stage(models.TextChoices):
    """Where a model stands; each step up is approved by two people and refused by a trigger otherwise."""

    WAITING = "waiting", "Waiting"
    SHADOW = "shadow", "Shadow"
    CANARY = "canary", "Canary"
    LIVE = "live", "Live"
    RETIRED = "retired", "Retired"


class Artefact(models.Model):
    """One trained model for one use case. Data only, never pickled code; loaded only if its hash matches.

    body  the compiled model as JSON text (see `personalize.decide.score`) · sha256 of that text
    card  what it says is in `personalize.registry.fields` and `personalize.cards`
    step  the last step that people approved and that it took
    owner answers for it; validator, someone else, tried to prove it wrong and wrote `findings`
    """

    use_case = models.SlugField(max_length=64, db_index=True)
    version = models.PositiveIntegerField()
    method = models.CharField(max_length=16)  # "linear" or "tables"
    stage = models.CharField(max_length=8, choices=Stage, default=Stage.WAITING)
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
    step = models.ForeignKey("ModelStep", null=True, on_delete=models.PROTECT, related_name="+")
    history = HistoricalRecords(excluded_fields=["body"])

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["use_case", "version"], name="one_row_per_model_version"),
            models.UniqueConstraint(
                fields=["use_case"], condition=models.Q(stage="live"), name="one_live_model_per_use_case"
            ),
            models.UniqueConstraint(
                fields=["use_case"], condition=models.Q(stage="canary"), name="one_canary_per_use_case"
            ),
            models.UniqueConstraint(
                fields=["use_case"], condition=models.Q(stage="shadow"), name="one_shadow_per_use_case"
            ),
            models.CheckConstraint(
                condition=~models.Q(stage="live") | models.Q(approved_by__isnull=False),
                name="a_person_lets_a_model_go_live",
            ),
            models.CheckConstraint(
                condition=~models.Q(stage__in=["shadow", "canary", "live"])
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


class ModelStep(models.Model):
    """One step of a model's way: asked for by one person, approved by two others, then taken; never changed after.

    to        shadow: decides beside what is live, without effect · canary: answers `share` of the clients, always the
              same ones · live: answers all
    digest    what the approvals attach to: the model's hash, the step, its share and when it was asked
    evidence  what was known when it was asked for, in sentences
    """

    artefact = models.ForeignKey(Artefact, on_delete=models.PROTECT, related_name="steps")
    to = models.CharField(
        max_length=8, choices=[(one.value, one.label) for one in (Stage.SHADOW, Stage.CANARY, Stage.LIVE)]
    )
    share = models.FloatField(default=0.0)
    digest = models.CharField(max_length=64, unique=True)
    evidence = models.JSONField(default=list)
    asked_by = models.ForeignKey("compliance.Staff", on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    taken_by = models.ForeignKey("compliance.Staff", null=True, on_delete=models.PROTECT, related_name="+")
    taken_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(to="canary", share__gt=0, share__lte=0.5)
                | (~models.Q(to="canary") & models.Q(share=0)),
                name="a_canary_answers_at_most_half_of_the_clients",
            ),
            models.CheckConstraint(
                condition=models.Q(taken_at__isnull=True, taken_by__isnull=True)
                | models.Q(taken_at__isnull=False, taken_by__isnull=False),
                name="a_step_is_taken_by_a_person_at_a_time",
            ),
        ]
