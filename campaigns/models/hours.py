"""Hours: the firm's policy for when messages leave, what is known of when clients read, and what was drawn for each."""

from django.db import models
from django.db.models import F, Q

from campaigns.models.message import Message
from compliance.datamap import PersonalData
from compliance.models import Staff


class HourPolicy(models.Model):
    """One version of how a send hour is chosen; it never changes once written.

    rule_hour   the declared hour of the client's own day, for a share_rule of them and for all until data suffice
    first, last no message leaves before the first or from the last hour on · most_wait_hours  nor later than this
    digest      what an approval of it attaches to; in force from then until a later version is
    """

    version = models.PositiveIntegerField(unique=True)
    rule_hour = models.PositiveSmallIntegerField()
    first = models.PositiveSmallIntegerField()
    last = models.PositiveSmallIntegerField()
    share_rule = models.FloatField()
    most_wait_hours = models.PositiveSmallIntegerField()
    why = models.CharField(max_length=300)
    digest = models.CharField(max_length=64, unique=True)
    author = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(first__lt=F("last"), last__lte=24, rule_hour__gte=F("first"), rule_hour__lt=F("last")),
                name="the_declared_hour_lies_in_the_window",
            ),
            models.CheckConstraint(
                condition=Q(share_rule__gt=0, share_rule__lt=1), name="some_keep_the_declared_hour_for_good"
            ),
            models.CheckConstraint(
                condition=Q(most_wait_hours__gte=1, most_wait_hours__lte=24), name="an_hour_is_at_most_a_day_away"
            ),
        ]


class HourPool(models.Model):
    """One night's count of when clients read, by hour of their own day; never changed.

    counts  24 numbers · clients  who read · own  those with enough readings of their own · concentration  how alike
    clients are: as many readings as the pool counts for · phase  rules, pooled or individual
    """

    counts = models.JSONField()
    clients = models.PositiveIntegerField()
    own = models.PositiveIntegerField()
    concentration = models.FloatField()
    phase = models.CharField(max_length=12)
    made_at = models.DateTimeField(db_index=True)


class HourChoice(models.Model):
    """The hour that was drawn for one message, and what the draw saw beside the plan's own account of it.

    hour       of the client's own day, 0 to 23 · due_at  when that was · propensity  of exactly this hour
    is_rule    whether the declared rule chose it · is_open  bit h: hour h was open
    readings   the client's own, 24 little-endian uint16 by hour; all 0 where they do not let us use their activity
    """

    message = models.OneToOneField(Message, primary_key=True, on_delete=models.PROTECT, related_name="hour")
    hour = models.PositiveSmallIntegerField()
    propensity = models.FloatField()
    is_rule = models.BooleanField()
    is_open = models.IntegerField()
    readings = models.BinaryField()
    due_at = models.DateTimeField()

    personal_data = PersonalData(
        client="message__client", why="to write when it suits the client, and to explain it", keep_days=400,
        on_erasure="delete", fields=("readings",), clock="due_at", record="behaviour",
        campaign="message__campaign__slug",
    )  # fmt: skip

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(hour__lt=24), name="a_day_has_24_hours"),
            models.CheckConstraint(
                condition=Q(propensity__gt=0, propensity__lte=1), name="an_hour_was_drawn_by_a_probability"
            ),
        ]
