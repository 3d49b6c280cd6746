"""What went wrong with people's data: breaches and complaints, and whom the law says we tell by when."""

from datetime import timedelta

from django.db import models
from django.db.models import F, Q

from compliance.datamap import PersonalData
from compliance.models.client import Client, Jurisdiction
from compliance.models.staff import Staff

VENDOR_TELLS = timedelta(hours=72)  # 17 CFR 248.30(a)(5)(i)(B)


class IncidentQuerySet(models.QuerySet):
    """Which incidents are open."""

    def open(self) -> "IncidentQuerySet":
        """Incidents nobody has closed."""
        return self.filter(closed_at=None)


class Incident(models.Model):
    """One breach or complaint. Its notices hold the clocks; it is closed when none is open.

    places  jurisdictions of the people it touches · happened_at  None while unknown · aware_at  clocks run from here
    vendor, vendor_aware_at  whose breach it was and when they knew, for a breach at a vendor
    """

    class Kind(models.TextChoices):
        BREACH = "breach", "Personal data breach"
        VENDOR = "vendor", "Breach at a vendor"
        COMPLAINT = "complaint", "Data-protection complaint"

    kind = models.CharField(max_length=10, choices=Kind)
    title = models.CharField(max_length=120)
    words = models.TextField()
    places = models.JSONField()
    vendor = models.CharField(max_length=120, blank=True)
    vendor_aware_at = models.DateTimeField(null=True)
    happened_at = models.DateTimeField(null=True)
    aware_at = models.DateTimeField()
    recorded_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()
    lesson = models.TextField(blank=True)
    closed_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(null=True)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(title="") & ~Q(words="") & ~Q(places=[]), name="an_incident_says_what_happened_and_where"
            ),
            models.CheckConstraint(
                condition=Q(kind="vendor", vendor_aware_at__lte=F("aware_at")) & ~Q(vendor="")
                | ~Q(kind="vendor") & Q(vendor="", vendor_aware_at=None),
                name="a_vendors_breach_names_the_vendor",
            ),
            models.CheckConstraint(
                condition=Q(aware_at__lte=F("recorded_at")) & (Q(happened_at=None) | Q(happened_at__lte=F("aware_at"))),
                name="nobody_knows_before_it_happened",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None, closed_by=None) | Q(closed_by__isnull=False) & ~Q(lesson=""),
                name="an_incident_closes_with_its_lesson",
            ),
        ]

    @property
    def was_told_late(self) -> bool:
        """Whether the vendor told us later than 72 hours after it knew."""
        return self.vendor_aware_at is not None and self.aware_at - self.vendor_aware_at > VENDOR_TELLS


class NoticeQuerySet(models.QuerySet):
    """Which notices still have to be given."""

    def open(self) -> "NoticeQuerySet":
        """Notices neither given nor spared."""
        return self.filter(told_at=None, spared_at=None)


class Notice(models.Model):
    """Whom the law says is told of an incident, and by when. Given, or spared by two people; never moved or deleted."""

    class Whom(models.TextChoices):
        AUTHORITY = "authority", "The authority"
        PEOPLE = "people", "The people it touches"
        COMPLAINANT = "complainant", "Whoever complained"

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="notices")
    whom = models.CharField(max_length=12, choices=Whom)
    place = models.CharField(max_length=2, choices=Jurisdiction)
    due_at = models.DateTimeField()
    source = models.CharField(max_length=160)
    told_at = models.DateTimeField(null=True)
    told_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    how = models.CharField(max_length=300, blank=True)
    why_late = models.CharField(max_length=300, blank=True)
    spare_why = models.CharField(max_length=300, blank=True)
    spare_asked_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    spare_asked_at = models.DateTimeField(null=True)
    spared_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    spared_at = models.DateTimeField(null=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "whom", "place"], name="one_clock_per_incident_and_whom"),
            models.CheckConstraint(
                condition=Q(told_at=None, told_by=None)
                | Q(told_by__isnull=False) & ~Q(how="") & (Q(told_at__lte=F("due_at")) | ~Q(why_late="")),
                name="a_late_notice_says_why",
            ),
            models.CheckConstraint(
                condition=Q(spared_at=None, spared_by=None)
                | Q(spared_by__isnull=False, spare_asked_by__isnull=False, told_at=None)
                & ~Q(spare_why="")
                & ~Q(spared_by=F("spare_asked_by")),
                name="two_people_spare_a_notice",
            ),
        ]


class Touched(models.Model):
    """A client whom an incident touches."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="touched")
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")

    personal_data = PersonalData(
        client="client", why="to tell people of a breach that touches them", keep_days=6 * 366, on_erasure="keep",
        ground="GDPR Art. 33(5): every breach is documented with whom it touched", clock="incident__closed_at",
        stays=True,
    )  # fmt: skip

    class Meta:
        verbose_name, verbose_name_plural = "incident that touches them", "incidents that touch them"
        constraints = [models.UniqueConstraint(fields=["incident", "client"], name="a_client_is_touched_once")]
