"""What happens to a text that nobody decided in time: more people are told, and it stays held. Time never approves."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from compliance import hours, ledger, review
from compliance.judging import deadlines
from compliance.models import ReviewItem, ReviewState

AFTER = {1: 0.0, 2: 8.0, 3: 16.0}  # business hours past due: to all reviewers, to the head of compliance, held
NAMES = {1: "pool", 2: "head", 3: "held"}


def escalate(*, at: datetime) -> int:
    """Move every overdue text one or more steps up; how many moved. Safe to repeat."""
    moved, days = 0, deadlines.holidays()
    for item in ReviewItem.objects.open().filter(due_at__lte=at, escalation__lt=3).order_by("pk"):
        late = hours.between(item.due_at, at, zone=settings.TIME_ZONE, holidays=days)
        level = max((one for one, after in AFTER.items() if late >= after), default=0)
        if level > item.escalation:
            moved += _raise(item, level, at=at)
    return moved


@transaction.atomic
def _raise(item: ReviewItem, level: int, *, at: datetime) -> bool:
    """Tell the next people; whoever sat on it gives it back to the queue."""
    moved = (
        ReviewItem.objects.open()
        .filter(pk=item.pk, escalation=item.escalation)
        .update(escalation=level, state=ReviewState.WAITING, claimed_by=None, claimed_at=None)
    )
    if moved:
        facts = {"to": NAMES[level], "due_at": item.due_at.isoformat()}
        ledger.record("review.escalated", by="system:escalation", at=at, about=review.about(item), facts=facts)
    return bool(moved)
