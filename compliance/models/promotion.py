"""What a promotion needs beside its words: a legal basis, a filing, understanding tested, and time to think."""

from django.db import models
from django.db.models import Q

from compliance.datamap import PersonalData
from compliance.models.client import Client
from compliance.models.staff import Staff


class Basis(models.TextChoices):
    """On what ground a campaign may promote (FSMA s21)."""

    OWN = "own_authorised", "Our own authorisation"
    APPROVED = "s21_approved", "Approved by another authorised firm"
    EXEMPT = "exempt", "Exempt (Financial Promotion Order)"


class PromotionBasis(models.Model):
    """The ground on which one campaign promotes. UK-01: FSMA s21, s55NA; COBS 4.10, 4.5.2R(1A)."""

    campaign = models.SlugField(max_length=80, unique=True)
    basis = models.CharField(max_length=16, choices=Basis)
    approver = models.CharField(max_length=120, blank=True)
    frn = models.CharField(max_length=7, blank=True)
    permission = models.CharField(max_length=120, blank=True)  # of the approver, for this product
    approved_on = models.DateField(null=True)
    article = models.CharField(max_length=20, blank=True)
    recorded_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(basis="s21_approved")
                | (~Q(approver="") & Q(frn__regex=r"^\d{6,7}$") & ~Q(permission="") & Q(approved_on__isnull=False)),
                name="an_approved_promotion_names_its_approver",
            ),
            models.CheckConstraint(
                condition=~Q(basis="exempt") | ~Q(article=""), name="an_exemption_names_its_article"
            ),
        ]


class Filing(models.Model):
    """One communication filed with the regulator. US-04, US-05: FINRA 2210(c)."""

    campaign = models.SlugField(max_length=80)
    category = models.CharField(max_length=24)
    reference = models.CharField(max_length=80)
    filed_on = models.DateField()
    first_use_on = models.DateField()
    approver = models.CharField(max_length=120)
    title = models.CharField(max_length=80)
    crd = models.CharField(max_length=10)
    approved_on = models.DateField()
    recorded_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(reference=""), name="a_filing_has_its_reference")]


class ComprehensionTest(models.Model):
    """Whether people understood a campaign's message before it went out. UK-16: PRIN 2A.5.3R to 2A.5.10R, FG22/5.

    correct, correct_vulnerable  shares in [0, 1] of the sample, and of the vulnerable people in it
    """

    campaign = models.SlugField(max_length=80)
    question = models.TextField()
    sample = models.PositiveIntegerField()
    correct = models.FloatField()
    correct_vulnerable = models.FloatField()
    tested_on = models.DateField()
    recorded_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(correct__gte=0, correct__lte=1, correct_vulnerable__gte=0, correct_vulnerable__lte=1),
                name="an_understanding_is_a_share",
            )
        ]


class CoolingOff(models.Model):
    """A client's first request for a restricted investment: 24 hours of silence, then they are asked. UK-09."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    product = models.CharField(max_length=32)
    started_at = models.DateTimeField()
    continued_at = models.DateTimeField(null=True)

    personal_data = PersonalData(
        client="client", why="to keep the 24 hours of silence that the law gives a first-time buyer", keep_days=5 * 366,
        on_erasure="delete", fields=("product",), clock="started_at",
    )  # fmt: skip

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "product"], name="one_cooling_off_per_client_and_product"),
            models.CheckConstraint(
                condition=Q(continued_at__isnull=True)
                | Q(continued_at__gte=models.F("started_at") + models.Value("24:00:00", models.DurationField())),
                name="nobody_continues_within_24_hours",
            ),
        ]
