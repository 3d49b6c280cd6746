"""Trade-off: what a use case's messages would bring, from what is opened most to what serves clients best."""

from django.db import models


class TradeOff(models.Model):
    """One week's curve of a use case, weighed from its own log; never changed.

    points    [{"share": weight of an open in what one message can win, in [0, 1], "opened": [value, low, high],
              "served": [value, low, high], "ess"}], from opens alone to none of them
    happened  {"opened": rate, "served": rate} of the decisions weighed
    refusal   why there is no curve, as a sentence; empty when there is one
    """

    use_case = models.SlugField(max_length=64)
    since = models.DateTimeField()
    until = models.DateTimeField()
    decisions = models.PositiveIntegerField()
    happened = models.JSONField()
    points = models.JSONField()
    refusal = models.TextField(blank=True)
    made_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["use_case", "-made_at"], name="trade_off_newest")]
