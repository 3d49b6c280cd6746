"""Fault: something that a machine of ours could not do, kept until it can."""

from django.db import models
from django.db.models import F, Q


class Fault(models.Model):
    """One thing of one chore that failed, how often and why; ended once it was done.

    chore  e.g. "retention.sweep" · about  as the ledger names things, e.g. "copy_rule:17" · why  the class of the
    exception: its words could hold what is personal, and stand in the log
    """

    chore = models.CharField(max_length=60)
    about = models.CharField(max_length=120)
    why = models.CharField(max_length=120)
    times = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["chore", "about"], condition=Q(ended_at=None), name="one_open_fault_per_thing"
            ),
            models.CheckConstraint(condition=Q(last_at__gte=F("first_at")), name="a_fault_is_seen_after_it_began"),
        ]
