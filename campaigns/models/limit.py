"""Cap: how many promotional messages one person may get within some days, whatever campaign they are from."""

from django.db import models
from django.db.models import Q

from compliance.models import Channel, Staff


class Cap(models.Model):
    """One limit of the firm over all campaigns. A campaign may have more of its own, never fewer.

    days  of the rolling window that ends now · channel, topic  empty: all of them · is_urgent  only messages that press
    """

    days = models.PositiveSmallIntegerField()
    most = models.PositiveSmallIntegerField()
    channel = models.CharField(max_length=8, choices=Channel, blank=True)
    topic = models.CharField(max_length=40, blank=True)
    is_urgent = models.BooleanField(default=False)
    made_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(days__in=[1, 7, 30]), name="a_cap_is_for_a_day_a_week_or_thirty_days"),
            models.UniqueConstraint(fields=["days", "channel", "topic", "is_urgent"], name="one_cap_for_one_thing"),
        ]
