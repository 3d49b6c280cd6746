"""The mind's chores. Thin: load, one verb."""

from celery import shared_task
from django.utils.timezone import now

from compliance.acting import acting
from personalize import profiles


@shared_task(queue="hot")
def refresh_profiles() -> None:
    """Bring profiles up to what arrived since the last time, and a share of those that a day has aged."""
    with acting("system:profiles"):
        profiles.refresh(since=profiles.newest(), at=now(), limit=profiles.AT_ONCE)
