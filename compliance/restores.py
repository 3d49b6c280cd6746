"""Proven restores: which backup was last restored, looked through and found whole, and how long ago."""

from datetime import datetime, timedelta

from django.conf import settings

from compliance.models import LedgerEntry

VERIFIED, REFUSED, ABOUT = "restore.verified", "restore.refused", "backup"
NEVER = "No restored backup was ever verified. See “Backups” in docs/operating.md."
LATE = "The last verified restore of a backup was {days} days ago; every {most} days are asked for."


def last() -> LedgerEntry | None:
    """The newest restore that was verified, None where none ever was; facts: backup_at, entries, size, runs, erased."""
    return LedgerEntry.objects.filter(kind=VERIFIED).order_by("-at", "-id").first()


def overdue(*, at: datetime) -> str:
    """Why somebody should verify a restore now, "" where the last one is young enough."""
    found, most = last(), settings.RESTORE_DAYS
    if found is None:
        return NEVER
    if at - found.at <= timedelta(days=most):
        return ""
    return LATE.format(days=(at - found.at).days, most=most)
