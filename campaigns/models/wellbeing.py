"""The firm's policy for pressure and calm, and the times when calm held."""

from django.db import models
from django.db.models import F, Q

from compliance.models import Staff


class WellbeingPolicy(models.Model):
    """One version of how much words may press a client, and what calm closes; it never changes once written.

    days, points     a client gets at most so many points of urgency and fear in a rolling window of so many days
    signal, at_least a market signal of this kind and size begins calm; empty: only people begin it
    closes_pressing  calm closes words that press or frighten · topics  and words about these topics and products
    digest           what an approval of it attaches to; in force from then until a later version is approved
    """

    version = models.PositiveIntegerField(unique=True)
    days = models.PositiveSmallIntegerField()
    points = models.PositiveSmallIntegerField()
    signal = models.CharField(max_length=40, blank=True)
    at_least = models.FloatField(null=True)
    closes_pressing = models.BooleanField(default=True)
    topics = models.JSONField(default=list)
    why = models.CharField(max_length=300)
    digest = models.CharField(max_length=64, unique=True)
    author = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(days__gte=1, days__lte=90), name="a_budget_is_for_1_to_90_days"),
            models.CheckConstraint(
                condition=Q(signal="", at_least=None) | (~Q(signal="") & Q(at_least__isnull=False)),
                name="a_signal_of_calm_has_a_size",
            ),
        ]


class Calm(models.Model):
    """A time of calm: begun by a market signal or one person, ended by two people, never by time.

    signal  {"kind", "value", "effective_at"} where a signal began it · policy  what it closes; none: what presses
    """

    began_at = models.DateTimeField()
    signal = models.JSONField(null=True)
    reason = models.CharField(max_length=300)
    policy = models.ForeignKey(WellbeingPolicy, null=True, on_delete=models.PROTECT, related_name="+")
    begun_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    lift_asked_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    lift_asked_at = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(models.Value(1), condition=Q(lifted_at=None), name="one_calm_at_a_time"),
            models.CheckConstraint(
                condition=Q(lifted_at=None, lifted_by=None)
                | (
                    Q(lifted_at__isnull=False, lifted_by__isnull=False, lift_asked_by__isnull=False)
                    & ~Q(lifted_by=F("lift_asked_by"))
                ),
                name="calm_is_lifted_by_two",
            ),
        ]
