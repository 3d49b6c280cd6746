"""How long records are kept, as dated data with their sources, and holds that keep them longer."""

from django.db import models
from django.db.models import F, Q

from compliance.datamap import PersonalData
from compliance.models.client import Client, Jurisdiction
from compliance.models.staff import Staff


class RetentionRule(models.Model):
    """One period of one law. A record goes when every rule that applies to it has run out, and no hold keeps it.

    record        the kind of record, as tables name it in `personal_data.record`
    jurisdiction  "" for everywhere · product  "" for every product
    months        None: never ends · from_year_end  counted from the end of the calendar year
    """

    class Record(models.TextChoices):
        MESSAGE = "message", "Messages sent, and why"
        BEHAVIOUR = "behaviour", "What clients did"
        DECLARED = "declared", "What clients told us"
        OUTCOME = "outcome", "What became of clients"
        PROMOTION = "promotion", "Promotions and their approvals"
        MODEL = "model", "Models, validation and fairness"
        CONSENT = "consent", "Consents and refusals"

    class Product(models.TextChoices):
        MIFID = "mifid", "MiFID business"
        LIFE_PENSION = "life_pension", "Life and pensions"
        PENSION_TRANSFER = "pension_transfer", "Pension transfer, opt-out, FSAVC"
        OTHER = "other", "Other"

    record = models.CharField(max_length=12, choices=Record)
    jurisdiction = models.CharField(max_length=2, choices=Jurisdiction, blank=True)
    product = models.CharField(max_length=20, choices=Product, blank=True)
    months = models.PositiveSmallIntegerField(null=True)
    from_year_end = models.BooleanField(default=False)
    starts = models.CharField(max_length=40)  # in words: "last use", "sent"
    source = models.CharField(max_length=200)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["record", "jurisdiction", "product", "source", "valid_from"], name="one_row_per_retention_rule"
            ),
            models.CheckConstraint(condition=~Q(source=""), name="a_retention_rule_names_its_source"),
        ]


class CampaignProduct(models.Model):
    """The product that a campaign promotes, by which the law's periods differ; unknown counts as the longest."""

    campaign = models.SlugField(max_length=80, unique=True)
    product = models.CharField(max_length=20, choices=RetentionRule.Product)
    recorded_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()


class HoldQuerySet(models.QuerySet):
    """Which holds bind."""

    def binding(self) -> "HoldQuerySet":
        """Holds that two people have not lifted."""
        return self.filter(lifted_at=None)


class Hold(models.Model):
    """A legal hold: nothing in its scope is deleted or erased, whatever else is due. One places it, two lift it."""

    class Scope(models.TextChoices):
        CLIENT = "client", "One client"
        CAMPAIGN = "campaign", "One campaign"
        EVERYTHING = "everything", "Everything"

    scope = models.CharField(max_length=10, choices=Scope)
    client = models.ForeignKey(Client, null=True, on_delete=models.PROTECT, related_name="+")
    campaign = models.SlugField(max_length=80, blank=True)
    reason = models.CharField(max_length=500)
    placed_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    placed_at = models.DateTimeField()
    lift_asked_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    lift_asked_at = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    lifted_at = models.DateTimeField(null=True)

    objects = HoldQuerySet.as_manager()

    personal_data = PersonalData(
        client="client",
        why="to keep what a court or a regulator may ask for",
        keep_days=None,
        on_erasure="keep",
        ground="GDPR Art. 17(3)(e): legal claims",
        stays=True,
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(scope="client", client__isnull=False, campaign="")
                | Q(scope="campaign", client__isnull=True) & ~Q(campaign="")
                | Q(scope="everything", client__isnull=True, campaign=""),
                name="a_hold_says_what_it_holds",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="no_hold_without_a_reason"),
            models.CheckConstraint(
                condition=Q(lifted_by=None, lifted_at=None)
                | Q(lifted_by__isnull=False, lifted_at__isnull=False, lift_asked_by__isnull=False)
                & ~Q(lifted_by=F("lift_asked_by")),
                name="two_people_lift_a_hold",
            ),
        ]
