"""Guessing is slowed where it happens: per account and address by axes, and here per account and per address alone.

An address that the account has signed in from before is never held for what others try, so guessing shuts nobody out
of their own account.
"""

from datetime import datetime, timedelta

from axes.models import AccessAttempt, AccessLog
from django.db.models import Sum

WINDOW = timedelta(minutes=15)
ACCOUNT_FAILURES = 50  # wrong tries for one name, from all addresses together
ADDRESS_NAMES = 20  # names that one address tried in vain
KNOWN_FOR = timedelta(days=90)


def wait_s(username: str, address: str | None, *, at: datetime) -> int:
    """Seconds until this address may try this name again; 0 when it may now."""
    recent = AccessAttempt.objects.filter(attempt_time__gt=at - WINDOW)
    tried = recent.filter(username=username).aggregate(sum=Sum("failures_since_start"))["sum"] or 0
    names = recent.filter(ip_address=address).values("username").distinct().count()
    if tried < ACCOUNT_FAILURES and names < ADDRESS_NAMES:
        return 0
    known = AccessLog.objects.filter(username=username, ip_address=address, attempt_time__gt=at - KNOWN_FOR)
    return 0 if known.exists() else int(WINDOW.total_seconds())
