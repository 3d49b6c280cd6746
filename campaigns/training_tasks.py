"""Learning by night. Heavy: only workers import it, no page does."""

from celery import shared_task
from django.utils.timezone import now

from campaigns.learning import renewal
from compliance.web import acting


@shared_task(queue="run")
def learn_policies() -> None:
    """Let what matured since yesterday move the policies of campaigns."""
    with acting(renewal.BY):
        renewal.every(at=now())
