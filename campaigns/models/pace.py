"""Pace: how fast mail may go to one provider's domains, and how much of it while a new sender is being trusted."""

from django.db import models
from django.db.models import Q

EVERYBODY = "*"


class Pace(models.Model):
    """A token bucket for some domains. The database takes from it, so any number of workers share it exactly.

    per_minute   messages at full speed · warm_from  the first day of a warm-up, null: none · warm_first  messages on
                 that day · warm_growth  each day has so many times as many as the one before
    tokens       left at `filled_at` · day, sent_today  the warm-up's count · slow_until  the provider asked us to wait
    booked_until  the next free time for a message that has to wait its turn
    """

    name = models.CharField(max_length=60, unique=True)
    per_minute = models.PositiveIntegerField()
    warm_from = models.DateField(null=True)
    warm_first = models.PositiveIntegerField(default=200)
    warm_growth = models.FloatField(default=1.5)
    tokens = models.FloatField(default=0)
    filled_at = models.DateTimeField()
    day = models.DateField(null=True)
    sent_today = models.PositiveIntegerField(default=0)
    booked_until = models.DateTimeField(null=True)
    slow_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(per_minute__gte=1), name="a_pace_is_not_a_standstill"),
            models.CheckConstraint(
                condition=Q(warm_growth__gte=1, warm_growth__lte=10, warm_first__gte=1), name="a_warm_up_grows"
            ),
        ]


class PaceDomain(models.Model):
    """A domain in lower case that keeps a pace; "*" is every domain that has none of its own."""

    domain = models.CharField(max_length=253, unique=True)
    pace = models.ForeignKey(Pace, on_delete=models.CASCADE, related_name="domains")
