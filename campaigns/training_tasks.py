"""Learning and reading of whole logs, in the background. Heavy: only workers import it, no page does."""

from celery import shared_task
from django.utils.timezone import now

from campaigns import drift
from campaigns.lab import answers, selfcheck, tradeoffs
from campaigns.learning import renewal
from campaigns.trials import shadows, watch
from compliance.web import acting


@shared_task(queue="run")
def learn_policies() -> None:
    """Let what matured since yesterday move the policies of campaigns."""
    with acting(renewal.BY):
        renewal.every(at=now())


@shared_task(queue="train")
def answer_questions() -> None:
    """Answer what people asked the lab."""
    with acting(answers.BY):
        answers.answer_waiting(at=now())


@shared_task(queue="train")
def check_lab() -> None:
    """Draw the decisions of the last weeks again and compare."""
    with acting(selfcheck.BY):
        selfcheck.look(at=now())


@shared_task(queue="train")
def draw_trade_offs() -> None:
    """Weigh what attention costs, a curve for each use case."""
    with acting(tradeoffs.BY):
        tradeoffs.draw(at=now())


@shared_task(queue="train")
def decide_in_shadow() -> None:
    """Let models in shadow decide what was decided since."""
    with acting(watch.BY):
        shadows.look(at=now())


@shared_task(queue="train")
def guard_canaries() -> None:
    """Take back canaries that fail a guardrail."""
    with acting(watch.BY):
        watch.look(at=now())


@shared_task(queue="train")
def watch_models() -> None:
    """Look whether live models still know whom they decide for; those that do not are retired."""
    with acting(drift.BY):
        drift.look(at=now())
