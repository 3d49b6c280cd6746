"""The law's chores. Thin: load, one verb."""

import secrets

from celery import shared_task
from django.utils.timezone import now

from compliance import anchors, history
from compliance.access import letters
from compliance.acting import acting
from compliance.reviewing import escalation, secondreadings, seeds
from compliance.rights import erasure, retention
from compliance.rights import letters as rights_letters


@shared_task(queue="hot")
def seal() -> None:
    """Put what was done since the last time into the signed tree."""
    with acting("system:sealer"):
        anchors.advance(at=now())


@shared_task(queue="mail")
def mail_checkpoint() -> None:
    """Send today's signed tree head to those who keep it."""
    with acting("system:sealer"):
        anchors.mail_newest(at=now())


@shared_task(queue="mail")
def mail_reset(staff_id: int) -> None:
    """Send somebody the link for a new password; 0 is nobody, who gets nothing."""
    letters.send_reset(staff_id)


@shared_task(queue="mail")
def mail_copy_link(link_id: int) -> None:
    """Send a client the link to their copy."""
    with acting("system:copies"):
        rights_letters.send_copy_link(link_id, secret=secrets.token_urlsafe(32), at=now())


@shared_task(queue="hot")
def reconcile() -> None:
    """Fail loudly when history tables and ledger differ."""
    with acting("system:reconcile"):
        history.insist(at=now())


@shared_task(queue="hot")
def escalate_reviews() -> None:
    """Tell more people of texts that are overdue, keep one in twenty that wait a planted one, draw second readings."""
    with acting("system:escalation"):
        escalation.escalate(at=now())
        seeds.plant(at=now())
        secondreadings.draw(at=now())


@shared_task(queue="hot")
def let_go() -> None:
    """Delete what no law and no hold keeps any longer, and destroy the keys of erased people whose day has come."""
    with acting(retention.BY):
        retention.sweep(at=now())
        erasure.destroy_due(at=now())
