"""Reward, belief, habit: what a learned policy is to want, what it learns on from, and what is one client's own."""

from django.db import models

from campaigns.models.campaign import Campaign
from compliance.datamap import PersonalData
from compliance.models import Client, Staff
from personalize.models import Artefact


class RewardVersion(models.Model):
    """One version of what a learned policy is to want; it never changes once written.

    weights  open, click, success: worth of each · quality: an outcome of quality q in [-1, 1] makes it 1 + quality q
             times as much · harm: what an opt-out or a complaint costs · explores_sensitive: true or false
    digest   what an approval of it attaches to; in force from that approval until a later version is approved
    """

    version = models.PositiveIntegerField(unique=True)
    weights = models.JSONField()
    why = models.CharField(max_length=300)
    digest = models.CharField(max_length=64, unique=True)
    author = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()


class Belief(models.Model):
    """What learning goes on from after one registered policy; the policy's text names its hash.

    body  the packed heads, see `personalize.learn.renewal.Belief`
    """

    artefact = models.OneToOneField(Artefact, on_delete=models.PROTECT, related_name="belief")
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="beliefs")
    body = models.BinaryField()


class Habit(models.Model):
    """What is one client's own in one campaign, as of `at`.

    vector  little-endian float32: results learnt from; 1 + L offsets; their 1 + L variances; how lately each of the L
            levels was had, by scale. Levels as the campaign's policy numbers them; one that came later is not in it.
    """

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="+")
    vector = models.BinaryField()
    at = models.DateTimeField()

    personal_data = PersonalData(
        client="client", why="to write when and what suits this client", keep_days=400, on_erasure="delete",
        fields=("vector",), clock="at", record="behaviour", campaign="campaign__slug",
    )  # fmt: skip

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "campaign"], name="one_habit_per_client_and_campaign")]
