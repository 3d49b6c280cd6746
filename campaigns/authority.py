"""Whoever launched a run answers for it while it lasts: when they may no longer, it waits for somebody who may."""

from datetime import datetime

from campaigns import desks
from campaigns.models import Campaign, Run, RunState
from campaigns.provider import watch
from compliance.models import Staff

LOST = watch.Health(kind="no_authority", events=1, sent=1, share=1.0, level="stop")
BUILDS, BACKEND = "compliance.build_campaigns", "django.contrib.auth.backends.ModelBackend"


def stands(person: Staff, campaign: Campaign) -> bool:
    """Whether a person, as the database has them, may launch this campaign now."""
    return bool(person.has_perm(BUILDS)) and desks.campaigns(person).filter(pk=campaign.pk).exists()


def look(*, at: datetime) -> list[int]:
    """Pause the live runs whose launcher left, or may no longer build campaigns or work on this one; which ones.

    Who lets such a run go on, answers for it: it is not paused for this again.
    """
    live = Run.objects.filter(state__in=(RunState.ASSEMBLING, RunState.SENDING)).select_related("launched_by")
    builders = set(Staff.objects.with_perm(BUILDS, backend=BACKEND).values_list("pk", flat=True)) if live else set()
    return [
        run.pk
        for run in live
        if (run.launched_by_id not in builders or not desks.campaigns(run.launched_by).filter(pk=run.campaign_id))
        and watch.pause(run.pk, LOST, at=at)
    ]
