"""What keeps clients from calls they do not want and from offers that are not for them."""

from django.db import models
from django.db.models import Q

from compliance.datamap import PersonalData
from compliance.models.client import Client


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
