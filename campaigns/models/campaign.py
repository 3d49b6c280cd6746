"""Campaign: what a marketer wants, for whom, with which blocks, judged by what."""

from django.db import models
from django.db.models import F, Q
from simple_history.models import HistoricalRecords

from campaigns.models.block import BlockVersion, Slot
from compliance.models import Channel, Purpose, Staff


class UseCase(models.TextChoices):
    """What the product is for; named before anything else."""

    ONBOARDING = "onboarding", "Onboarding journey"
    RISK_EDUCATION = "risk_education", "Risk education before a product"
    RE_ENGAGEMENT = "re_engagement", "Re-engagement after a market event"
    LIFECYCLE = "lifecycle", "Lifecycle milestone"
    PRODUCT_RESPONSE = "product_response", "Response to a product message"
    RETENTION = "retention", "Keeping clients who may leave"


class CampaignState(models.TextChoices):
    """Where a campaign stands; runs have their own state."""

    DRAFT = "draft", "Draft"
    RUNNING = "running", "Running"
    FINISHED = "finished", "Finished"
    STOPPED = "stopped", "Stopped"


class WhenCapped(models.TextChoices):
    """What becomes of a message to somebody who already had as many as they, or we, allow."""

    DROPPED = "dropped", "Dropped"
    DEFERRED = "deferred", "Deferred until there is room"
    REPLACED = "replaced", "Replaced by the fallback, if that is calmer"


class SendHour(models.TextChoices):
    """When a message leaves once it was made."""

    NOW = "now", "At once"
    LEARNED = "learned", "When the client usually reads"


class Campaign(models.Model):
    """A campaign. Its launch snapshots everything into `Run.plan`.

    success_metric  an outcome kind or event name, e.g. "Module Completed"; measured within metric_days
    objective       weights, e.g. {"open": .05, "click": .1, "outcome": 1, "satisfaction": .5, "unsubscribe": -4,
                    "complaint": -8}; outcome > 0 and engagement (open + click) <= 20 % of the positive weight
    audience        rule tree, e.g. {"all": [{"field": "risk_tolerance", "op": "in", "value": ["cautious"]}]}; {} = all
    caps            [{"days": 1|7|30, "most": n, "channel": "", "topic": "", "urgent": false}], besides the firm's
    latest_hours    after its launch, a message is too late and dropped; null: never · priority  its weight, 1 to 100,
                    when another campaign wants the same client on the same day
    share_*         of the audience, in [0, 1]: segmented control and random holdout; the rest is personalised
    """

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    use_case = models.CharField(max_length=20, choices=UseCase)
    hypothesis = models.CharField(max_length=300, blank=True)
    success_metric = models.CharField(max_length=80)
    metric_days = models.PositiveSmallIntegerField(default=30)
    objective = models.JSONField()
    purpose = models.CharField(max_length=16, choices=Purpose, default=Purpose.MARKETING)
    channel = models.CharField(max_length=8, choices=Channel, default=Channel.EMAIL)
    placement = models.SlugField(max_length=64, blank=True, db_index=True)  # for channel web
    audience = models.JSONField(default=dict)
    share_control = models.FloatField(default=0.2)
    share_holdout = models.FloatField(default=0.05)
    max_per_week = models.PositiveSmallIntegerField(default=3)  # over all campaigns, rolling 7 days
    caps = models.JSONField(default=list)
    when_capped = models.CharField(max_length=8, choices=WhenCapped, default=WhenCapped.DROPPED)
    latest_hours = models.PositiveSmallIntegerField(null=True)
    send_hour = models.CharField(max_length=8, choices=SendHour, default=SendHour.NOW, db_default=SendHour.NOW)
    priority = models.PositiveSmallIntegerField(default=10)
    state = models.CharField(max_length=8, choices=CampaignState, default=CampaignState.DRAFT)
    owner = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="campaigns")
    made_at = models.DateTimeField()
    history = HistoricalRecords()

    class Meta:
        permissions = [("work_on_campaign", "Can see and change this campaign")]
        constraints = [
            models.CheckConstraint(
                condition=Q(share_control__gte=0, share_holdout__gte=0)
                & Q(share_control__lte=1.0 - F("share_holdout")),
                name="the_experiment_split_fits_in_one",
            ),
            models.CheckConstraint(condition=Q(objective__outcome__gt=0), name="an_objective_counts_client_outcomes"),
        ]


class CampaignBlock(models.Model):
    """One candidate block version for one slot of a campaign.

    rule  who may see it, an audience rule; {} = anyone. A fallback has no rule and there is one per used slot.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="candidates")
    slot = models.CharField(max_length=20, choices=Slot)
    version = models.ForeignKey(BlockVersion, on_delete=models.PROTECT, related_name="uses")
    is_fallback = models.BooleanField(default=False)
    rule = models.JSONField(default=dict)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "version"], name="a_block_version_is_a_candidate_once"),
            models.UniqueConstraint(
                fields=["campaign", "slot"], condition=Q(is_fallback=True), name="one_fallback_per_slot"
            ),
        ]
