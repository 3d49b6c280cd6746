"""Profile: what we know of a client, declared before inferred; features, and market signals."""

from django.db import models
from simple_history.models import HistoricalRecords

from compliance.datamap import PersonalData
from compliance.models import Client, Purpose


class Origin(models.TextChoices):
    """Where a value comes from; declared beats inferred."""

    DECLARED = "declared", "told us"
    INFERRED = "inferred", "seen or worked out"


class Attribute(models.Model):
    """The newest value of one attribute from one origin, ordered by when it was true, not by when it arrived."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="attributes")
    key = models.CharField(max_length=64)
    origin = models.CharField(max_length=8, choices=Origin)
    value = models.JSONField()
    source = models.CharField(max_length=80)
    at = models.DateTimeField()

    personal_data = PersonalData(
        client="client",
        why="what the client told us or showed us",
        keep_days=None,
        on_erasure="delete",
        fields=("value",),
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "key", "origin"], name="one_value_per_origin")]


class Declaration(models.Model):
    """Everything a client ever told us, kept in order; `Attribute` holds the newest."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="declarations")
    key = models.CharField(max_length=64)
    value = models.JSONField()
    source = models.CharField(max_length=80)  # "onboarding questionnaire", "portal", "import:FILE"
    declared_at = models.DateTimeField()

    personal_data = PersonalData(
        client="client",
        why="what the client told us",
        keep_days=6 * 365,
        on_erasure="delete",
        fields=("value",),
        clock="declared_at",
        record="declared",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "key", "declared_at", "source"], name="a_declaration_counts_once")
        ]


class Feature(models.Model):
    """One entry of the feature registry: what it means, why we may use it, how sensitive it is.

    position  column in the vector, from 0; never reused
    spec      how it is computed, e.g. {"attribute": "risk_tolerance", "categories": ["cautious", …]},
              {"attribute": "age"}, {"events": "Dashboard Viewed", "days": 30}, {"days_since": "*"},
              {"signal": "volatility"}, {"messages": "opened", "days": 90}
    """

    class Sensitivity(models.TextChoices):
        ORDINARY = "ordinary", "ordinary"
        PERSONAL = "personal", "personal"
        SENSITIVE = "sensitive", "sensitive"
        FORBIDDEN = "forbidden", "forbidden in models"

    class ProxyRisk(models.TextChoices):
        LOW = "low", "low"
        MEDIUM = "medium", "medium: watched"
        HIGH = "high", "high: justified in writing"

    code = models.SlugField(max_length=64, unique=True)
    position = models.PositiveSmallIntegerField(unique=True)
    meaning = models.CharField(max_length=200)
    client_words = models.CharField(max_length=200)  # completes "because …" for the client
    purpose = models.CharField(max_length=16, choices=Purpose, default=Purpose.PROFILING)
    sensitivity = models.CharField(max_length=10, choices=Sensitivity, default=Sensitivity.ORDINARY)
    proxy_risk = models.CharField(max_length=6, choices=ProxyRisk, default=ProxyRisk.LOW)
    proxy_of = models.CharField(max_length=80, blank=True, default="")  # what it may stand for, and why it is kept
    spec = models.JSONField()
    since_version = models.PositiveSmallIntegerField(default=1)
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(sensitivity="sensitive") | models.Q(purpose="sensitive"),
                name="special_category_needs_its_own_consent",
            ),
            models.CheckConstraint(
                condition=models.Q(proxy_risk="low") | ~models.Q(proxy_of=""), name="a_proxy_says_what_for"
            ),
        ]


class FeatureSet(models.Model):
    """A version of the registry as profiles use it: ordered codes and the SHA-256 of their specs."""

    version = models.PositiveSmallIntegerField(unique=True)
    codes = models.JSONField()
    sha256 = models.CharField(max_length=64)
    made_at = models.DateTimeField()


class Profile(models.Model):
    """A client's features at rest.

    vector     float32 little-endian, one per feature in position order; NaN where unknown
    version    FeatureSet.version the vector was made with
    """

    client = models.OneToOneField(Client, primary_key=True, on_delete=models.CASCADE, related_name="profile")
    vector = models.BinaryField()
    version = models.PositiveSmallIntegerField()
    refreshed_at = models.DateTimeField(db_index=True)
    last_event_at = models.DateTimeField(null=True)

    personal_data = PersonalData(
        client="client",
        why="to choose what is relevant for the client",
        keep_days=None,
        on_erasure="delete",
        fields=("vector",),
    )


class MarketSignal(models.Model):
    """Something that happened around the client: {"kind": "volatility", "value": 0.31, "effective_at": …}."""

    kind = models.CharField(max_length=40)
    value = models.FloatField()
    effective_at = models.DateTimeField()
    source = models.CharField(max_length=80)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "effective_at"], name="one_signal_per_kind_and_time")]


class Outcome(models.Model):
    """What happened to a client later: tenure, activity, satisfaction, complaint, a product kept or left."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="outcomes")
    kind = models.CharField(max_length=40)
    value = models.FloatField()
    at = models.DateTimeField()
    source = models.CharField(max_length=80)

    personal_data = PersonalData(
        client="client",
        why="to measure what is good for the client",
        keep_days=6 * 365,
        on_erasure="delete",
        clock="at",
        record="outcome",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "kind", "at"], name="an_outcome_counts_once")]
