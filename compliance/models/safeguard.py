"""What keeps clients from calls they do not want and from offers that are not for them."""

from datetime import timedelta

from django.db import models
from django.db.models import F, Q

from compliance.datamap import PersonalData
from compliance.models.client import Client
from compliance.models.staff import Staff

LASTS_DAYS = 366  # COBS 4.12B.38R: a certificate or statement is dated within the last twelve months


class CallScreening(models.Model):
    """What a register of people who want no sales calls said of one client's number on one day. Never changed.

    UK-21: PECR reg. 21, a list not older than 28 days. US: 47 CFR 64.1200(c)(2)(i)(D), 31 days. A listing bars until a
    later day's list is without it; a client of the EU is called on their own yes alone.
    """

    class Register(models.TextChoices):
        TPS = "tps", "Telephone Preference Service (UK)"
        DNC = "dnc", "National Do Not Call Registry (US)"

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    register = models.CharField(max_length=3, choices=Register)
    is_listed = models.BooleanField()
    screened_on = models.DateField()
    source = models.CharField(max_length=80)
    recorded_at = models.DateTimeField()

    personal_data = PersonalData(
        client="client", why="to prove that a register of people who want no calls was asked before a call",
        keep_days=5 * 366, on_erasure="delete", fields=("is_listed",), clock="recorded_at",
    )  # fmt: skip

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["client", "register", "screened_on", "is_listed"], name="a_screening_counts_once"
            ),
            models.CheckConstraint(condition=Q(register__in=["tps", "dnc"]), name="a_screening_names_its_register"),
        ]


class CertificateQuerySet(models.QuerySet):
    """Which certificates count."""

    def in_date(self, day: object) -> "CertificateQuerySet":
        """Those that stand on that day."""
        return self.filter(signed_on__lte=day, until__gt=day, ended_on=None)


class Certificate(models.Model):
    """What lets one client be told of non-mass-market investments, and for how long. UK-11: COBS 4.12B.

    evidence  where the signed statement is, and what it rests on · ended_on  the day on which it was taken back
    """

    class Kind(models.TextChoices):
        HIGH_NET_WORTH = "high_net_worth", "Certified high net worth investor"
        SOPHISTICATED = "sophisticated", "Certified sophisticated investor"
        SELF_CERTIFIED = "self_certified", "Self-certified sophisticated investor"

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind)
    signed_on = models.DateField()
    until = models.DateField()  # the first day on which it counts no longer
    evidence = models.CharField(max_length=300)
    recorded_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()
    ended_on = models.DateField(null=True)
    ended_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")

    objects = CertificateQuerySet.as_manager()
    personal_data = PersonalData(
        client="client", why="to prove that a client could be told of non-mass-market investments", keep_days=6 * 366,
        on_erasure="delete", fields=("evidence",), clock="recorded_at",
    )  # fmt: skip

    class Meta:
        indexes = [models.Index(fields=["client", "until"], name="certificate_by_client")]
        constraints = [
            models.CheckConstraint(
                condition=Q(until__gt=F("signed_on"), until__lte=F("signed_on") + timedelta(days=LASTS_DAYS)),
                name="a_certificate_lasts_a_year_at_most",
            ),
            models.CheckConstraint(
                condition=~Q(evidence="") & Q(kind__in=["high_net_worth", "sophisticated", "self_certified"]),
                name="a_certificate_has_its_evidence",
            ),
            models.CheckConstraint(
                condition=Q(ended_on=None, ended_by=None) | Q(ended_on__isnull=False, ended_by__isnull=False),
                name="whoever_ends_a_certificate_is_named",
            ),
        ]


class VulnerabilityQuerySet(models.QuerySet):
    """Which records protect, and which ask to be looked at again."""

    def protecting(self) -> "VulnerabilityQuerySet":
        """Those that nobody has ended, also past their review day: time never takes protection away."""
        return self.filter(ended_at=None)

    def overdue(self, day: object) -> "VulnerabilityQuerySet":
        """Those that protect and whose review day has come."""
        return self.protecting().filter(review_on__lte=day)


class Vulnerability(models.Model):
    """That a client is to be spared, and why. UK-18, FG21/1: it may suppress or soften, never select an offer.

    Health and hardship are special-category data (GDPR Art. 9): kind and words are sealed under the client's own
    secret and the installation's, and nothing but the officers' page opens them. No feature, model or audience can
    read this table.

    sealed      {"kind", "words"}, see `compliance.rights.sealing` · sealed_for  whose secret, also after two are joined
    ground      why we may keep it at all · end_*  two officers end it: to end what protects is to start
    """

    class Source(models.TextChoices):
        CLIENT = "client", "The client told us"
        CARER = "carer", "Somebody who cares for the client told us"
        ADVISER = "adviser", "Their adviser told us"
        STAFF = "staff", "One of us saw it"

    class Ground(models.TextChoices):
        CONSENT = "explicit_consent", "The client's explicit consent (Art. 9(2)(a))"
        WELLBEING = "economic_wellbeing", "Safeguarding economic well-being (DPA 2018 Sch. 1 para. 19)"
        VITAL = "vital", "Vital interests (Art. 9(2)(c))"

    class Why(models.TextChoices):
        OVER = "over", "It is over"
        MISTAKE = "mistake", "It was noted by mistake"
        ASKED = "asked", "The client asked us to"

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    sealed = models.BinaryField()
    sealed_for = models.BigIntegerField()
    source = models.CharField(max_length=8, choices=Source)
    ground = models.CharField(max_length=20, choices=Ground)
    noted_on = models.DateField()
    review_on = models.DateField()
    noted_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    noted_at = models.DateTimeField()
    reviewed_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    reviewed_at = models.DateTimeField(null=True)
    end_why = models.CharField(max_length=8, choices=Why, blank=True)
    end_asked_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    end_asked_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)

    objects = VulnerabilityQuerySet.as_manager()
    personal_data = PersonalData(
        client="client", why="to spare a client in a hard situation, and for nothing else", keep_days=None,
        on_erasure="delete", fields=("sealed", "source", "ground", "end_why"),
    )  # fmt: skip

    class Meta:
        verbose_name, verbose_name_plural = "note that a client is to be spared", "notes that clients are to be spared"
        indexes = [
            models.Index(fields=["client"], condition=Q(ended_at=None), name="vulnerability_protecting"),
            models.Index(fields=["review_on"], condition=Q(ended_at=None), name="vulnerability_review"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(source__in=["client", "carer", "adviser", "staff"])
                & Q(ground__in=["explicit_consent", "economic_wellbeing", "vital"]),
                name="a_vulnerability_says_who_told_and_on_what_ground",
            ),
            models.CheckConstraint(
                condition=Q(review_on__gt=F("noted_on"), review_on__lte=F("noted_on") + timedelta(days=366))
                | Q(reviewed_at__isnull=False, reviewed_by__isnull=False),
                name="a_vulnerability_is_looked_at_within_a_year",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, ended_by=None)
                | Q(ended_by__isnull=False, ended_at__isnull=False, end_asked_by__isnull=False)
                & ~Q(end_why="")
                & ~Q(ended_by=F("end_asked_by")),
                name="two_people_end_a_protection",
            ),
        ]
