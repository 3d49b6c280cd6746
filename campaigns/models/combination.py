"""Combination: rules about which blocks may meet in one message, and the pairs that were put before an editor."""

from django.db import models

from compliance.models import Staff


class CombinationRule(models.Model):
    """One version of one rule about which blocks may stand in one message; it never changes once written.

    kind, body  see `personalize.decide.combining.problems` · digest  what an approval of it attaches to
    In force from the approval of its digest until two people approve a later version or the digest is withdrawn.
    """

    code = models.SlugField(max_length=40)
    version = models.PositiveIntegerField(default=1)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=12)
    body = models.JSONField()
    why = models.CharField(max_length=300)
    digest = models.CharField(max_length=64, unique=True)
    author = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["code", "version"], name="one_row_per_combination_rule_version")]


class CoveredPair(models.Model):
    """Two block versions that stand together in a review: covered while that review stands approved.

    pair    sha256 hex of the two words' digests, the layout, the purpose and the jurisdiction
    review  digest of the review item that shows them together
    """

    pair = models.CharField(max_length=64)
    review = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pair", "review"], name="a_pair_is_shown_once_per_review")]
