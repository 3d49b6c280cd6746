"""Learning what clients may be about to do, in the background. Heavy: only workers import it, no page does."""

from celery import shared_task
from django.utils.timezone import now

from compliance.acting import acting
from personalize.outlooks import renewal, telling
from personalize.outlooks.cases import BY_CODE, CASES


@shared_task(queue="train")
def renew_outlooks() -> None:
    """Wake one task for each use case: a fit of each may take a minute."""
    for case in CASES:
        renew_outlook.delay(code=case.code)


@shared_task(queue="train")
def renew_outlook(code: str) -> None:
    """Judge, learn and tell one use case."""
    with acting(renewal.BY):
        renewal.renew(BY_CODE[code], at=now())
        telling.tell(BY_CODE[code], at=now())
