"""Learning what clients may be about to do, in the background. Heavy: only workers import it, no page does."""

from celery import shared_task
from django.utils.timezone import now

from compliance.acting import acting
from personalize.outlooks import renewal, telling
from personalize.outlooks.cases import CASES


@shared_task(queue="train")
def renew_outlooks() -> None:
    """Wake one task for each use case: a fit of each may take a minute."""
    for number in range(len(CASES)):
        renew_outlook.delay(case_id=number)


@shared_task(queue="train")
def renew_outlook(case_id: int) -> None:
    """Judge, learn and tell one use case, by its place in CASES: the broker holds whole numbers alone."""
    case = CASES[case_id]
    with acting(renewal.BY):
        renewal.renew(case, at=now())
        telling.tell(case, at=now())
