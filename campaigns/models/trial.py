"""ShadowDecision: what a model in shadow would have chosen in a decision that something else made."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from campaigns.models.message import Message
from compliance.datamap import PersonalData
from personalize.models import Artefact


class ShadowDecision(models.Model):
    """One decision made beside a real one, from the same inputs; nobody was ever shown it.

    choice      index of the chosen candidate per slot, in plan order, -1 in all for not now · propensity  of exactly it
    likely      the probability that the model gives to what was really chosen, by which its results are weighed
    """

    artefact = models.ForeignKey(Artefact, on_delete=models.PROTECT, related_name="+")
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="+")
    choice = ArrayField(models.SmallIntegerField())
    propensity = models.FloatField()
    likely = models.FloatField()
    at = models.DateTimeField()

    personal_data = PersonalData(
        client="message__client", why="to judge a model before it decides", keep_days=400, on_erasure="delete",
        clock="at", record="behaviour", campaign="message__campaign__slug",
    )  # fmt: skip

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["artefact", "message"], name="a_shadow_decides_once"),
            models.CheckConstraint(
                condition=Q(propensity__gt=0, propensity__lte=1, likely__gte=0, likely__lte=1 + 1e-9),
                name="a_shadow_has_probabilities",
            ),
        ]
