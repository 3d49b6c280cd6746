"""Kill switches, and the fence around a database that may be a copy."""

from django.db import models
from django.db.models import F, Q

from compliance.models.staff import Staff


class StopScope(models.TextChoices):
    """What a switch stops."""

    EVERYTHING = "everything", "Everything"
    CHANNEL = "channel", "One channel"
    CAMPAIGN = "campaign", "One campaign"
    BLOCK = "block", "One block"
    TOPIC = "topic", "One topic"
    MODEL = "model", "One model"


class StopQuerySet(models.QuerySet):
    """Which switches are thrown."""

    def thrown(self) -> "StopQuerySet":
        """Switches nobody has released."""
        return self.filter(released_at=None)


class Stop(models.Model):
    """A kill switch that was thrown. One person may throw it; two must release it, and a constraint says so.

    target  the channel, the slug of the campaign or block, the code of the topic, the number of the model; "" for
            everything
    """

    scope = models.CharField(max_length=10, choices=StopScope)
    target = models.CharField(max_length=80, blank=True)
    reason = models.CharField(max_length=500)
    thrown_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    thrown_at = models.DateTimeField()
    release_asked_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    release_asked_at = models.DateTimeField(null=True)
    released_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    released_at = models.DateTimeField(null=True)

    objects = StopQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "target"], condition=Q(released_at=None), name="a_switch_is_thrown_once"
            ),
            models.CheckConstraint(
                condition=Q(released_by=None, released_at=None)
                | Q(released_by__isnull=False, released_at__isnull=False, release_asked_by__isnull=False)
                & ~Q(released_by=F("release_asked_by")),
                name="two_release_what_one_may_stop",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="no_stop_without_a_reason"),
            models.CheckConstraint(
                condition=Q(scope="everything", target="") | ~Q(scope="everything") & ~Q(target=""),
                name="a_switch_names_what_it_stops",
            ),
        ]


class Fence(models.Model):
    """For which database server sending is armed. A copy or a restored backup finds that it is not the one.

    system, timeline  what PostgreSQL says of itself (pg_control_system, pg_control_checkpoint)
    epoch             also kept outside the database; both must agree
    """

    single = models.BooleanField(primary_key=True, default=True)
    system = models.BigIntegerField()
    timeline = models.IntegerField()
    epoch = models.UUIDField()
    armed_by = models.CharField(max_length=80)
    armed_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(single=True), name="there_is_one_fence")]
