"""Who answers for a model: its owner, and someone else who tried to prove it wrong. The database keeps them apart."""

from datetime import datetime

from django.db import transaction

from compliance import ledger
from compliance.models import Staff
from personalize.models import Artefact, Stage
from personalize.registry import uses


class CannotSign(Exception):
    """This person cannot sign this model now; the message says why. Nothing was written."""


@transaction.atomic
def own(artefact_id: int, *, by: Staff, at: datetime) -> None:
    """Answer for a model that waits: monitor it, mend it, take it out. Raises CannotSign.

    What the use case's declaration has come to say since the model was trained is put on its card.
    """
    model = _waiting(artefact_id)
    if model.owner_id is not None:
        raise CannotSign("This model has an owner.")
    if model.validator_id == by.pk:
        raise CannotSign("Who validated a model cannot own it.")
    model.owner, model.owned_at, model.card = by, at, uses.filled(model.card, model.use_case)
    model.save(update_fields=["owner", "owned_at", "card"])
    ledger.record("model.owned", by=by, at=at, about=f"model:{model.pk}", facts={"sha256": model.sha256})


@transaction.atomic
def validate(artefact_id: int, *, findings: str, by: Staff, at: datetime) -> None:
    """Say what an independent look found and how it was closed. Raises CannotSign."""
    model = _waiting(artefact_id)
    if not findings.strip():
        raise CannotSign("Write what you looked at and what you found.")
    if model.owner_id == by.pk:
        raise CannotSign("Nobody validates the model they own.")
    if model.validator_id is not None:
        raise CannotSign("This model was validated.")
    model.validator, model.validated_at, model.findings = by, at, findings.strip()
    model.save(update_fields=["validator", "validated_at", "findings"])
    ledger.record("model.validated", by=by, at=at, about=f"model:{model.pk}", facts={"sha256": model.sha256})


def _waiting(artefact_id: int) -> Artefact:
    found = list(Artefact.objects.select_for_update(of=("self",)).filter(pk=artefact_id, stage=Stage.WAITING))
    if not found:
        raise CannotSign("This model is not waiting.")
    return found[0]
