"""Questions to the lab: asked on a page, answered by a worker."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from campaigns import desks
from campaigns.lab import targets
from campaigns.models import Question, UseCase
from compliance import ledger
from compliance.models import Staff

MOST_WAITING = 20  # of one person: an answer takes a worker seconds to minutes
QUARTER = timedelta(days=91)


class BadQuestion(ValueError):
    """The question cannot be asked like this; `errors` names each field and says why. Nothing was written."""

    def __init__(self, errors: dict[str, str]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{name}: {why}" for name, why in errors.items()))


def within(person: Staff | Any) -> QuerySet[Question]:
    """The questions that exist for this person: those of all campaigns together, and those of their desks' own."""
    if desks.sees_all(person):
        return Question.objects.all()
    return Question.objects.filter(Q(campaign="") | Q(campaign__in=desks.campaigns(person).values("slug")))


@transaction.atomic
def ask(
    use_case: str, policy: str, *, campaign: str = "", since: datetime, until: datetime, by: Staff, at: datetime
) -> Question:
    """Ask what a policy would have done with the decisions from `since` until before `until`. Raises BadQuestion."""
    errors = {}
    if use_case not in UseCase.values:
        errors["use_case"] = "Choose a use case."
    if campaign and not desks.campaigns(by).filter(slug=campaign, use_case=use_case).exists():
        errors["campaign"] = "This use case has no campaign of that name."
    if not policy.strip() or len(policy) > 80:
        errors["policy"] = "Choose a policy."
    elif policy.startswith(targets.MODEL) and targets.artefact(policy, use_case) is None:
        errors["policy"] = "This use case has no model of that version."
    if since >= until:
        errors["since"] = "The first day lies before the last."
    mine = f"staff:{by.pk}"
    if Question.objects.filter(answered_at=None, asked_by=mine).count() >= MOST_WAITING:
        errors["policy"] = f"{MOST_WAITING} questions of yours wait for an answer. Ask again when some are answered."
    if errors:
        raise BadQuestion(errors)
    made = Question.objects.create(
        use_case=use_case, campaign=campaign, policy=policy.strip(), since=since, until=until, asked_by=mine,
        asked_at=at,
    )  # fmt: skip
    facts = {"use_case": use_case, "policy": policy, "campaign": campaign}
    ledger.record("lab.asked", by=by, at=at, about=f"question:{made.pk}", facts=facts)
    return made
