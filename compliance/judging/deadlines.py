"""When a decision is expected, in the business hours of the firm's reviewers. Time never approves."""

from datetime import date, datetime

from django.conf import settings

from compliance import hours
from compliance.models import Holiday

SLA_HOURS = {1: 8, 2: 16}  # business hours to a decision, by approvals needed
URGENT_HOURS = 2  # an urgent service message


def due(approvals_needed: int, *, at: datetime, urgent: bool = False) -> datetime:
    """When a decision is expected: 8 business hours, 16 when two people must agree, 2 for an urgent service message."""
    spent = URGENT_HOURS if urgent else SLA_HOURS.get(approvals_needed, SLA_HOURS[2])
    return hours.add(at, spent, zone=settings.TIME_ZONE, holidays=holidays())


def holidays() -> frozenset[date]:
    """The days on which the firm's reviewers do not work."""
    places = ("", settings.FIRM["jurisdiction"])
    return frozenset(Holiday.objects.filter(jurisdiction__in=places).values_list("on", flat=True))
