"""Question and self-check: what another policy would have done, and whether the logged probabilities hold."""

from django.db import models
from django.db.models import F, Q


class Question(models.Model):
    """What would this policy have done? Asked once and answered once by a worker; neither changes afterwards.

    policy    how `campaigns.lab.targets` names a policy · campaign  a slug; empty means every campaign of the use case
    since, until  when the decisions were made, the end left out
    answer    {"rows", "drawn", "happened": [value, low, high], "ess", "mean_weight", "weight_error", "largest",
              "share_of_one", "estimates": [{"name", "value", "low", "high"}]}, no estimates where it is refused
    refusal   why the log cannot say, as a sentence; empty when it can
    """

    use_case = models.SlugField(max_length=64)
    campaign = models.SlugField(max_length=80, blank=True)
    policy = models.CharField(max_length=80)
    since = models.DateTimeField()
    until = models.DateTimeField()
    asked_by = models.CharField(max_length=80)
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    answer = models.JSONField(null=True)
    refusal = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(since__lt=F("until")), name="a_question_is_of_some_time"),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=False) | Q(answer__isnull=True, refusal=""),
                name="an_answer_has_its_time",
            ),
        ]
        indexes = [models.Index(fields=["asked_at"], condition=Q(answered_at__isnull=True), name="question_waiting")]


class SelfCheck(models.Model):
    """One week's look at a use case's own log; never changed.

    drawn_again  decisions whose probability was computed anew from what they saw, differing  of these by more than
    1e-6 · mean_weight, weight_error  of a uniform target: 1 when the logged probabilities are those by which was drawn
    happened, estimate, estimate_error  the success rate as it was, and as the log says it would be under the policy
    that was logged
    fault     what is wrong, as a sentence; empty when nothing is
    """

    use_case = models.SlugField(max_length=64)
    since = models.DateTimeField()
    until = models.DateTimeField()
    decisions = models.PositiveIntegerField()
    drawn_again = models.PositiveIntegerField()
    differing = models.PositiveIntegerField()
    mean_weight = models.FloatField()
    weight_error = models.FloatField()
    happened = models.FloatField()
    estimate = models.FloatField()
    estimate_error = models.FloatField()
    fault = models.TextField(blank=True)
    made_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["use_case", "-made_at"], name="self_check_newest")]
