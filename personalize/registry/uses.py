"""What a use case may have a model for, on what legal footing, and who answers for it: declared once, by a person."""

from datetime import datetime
from typing import Any

from django.db import transaction

from compliance import ledger
from compliance.models import Staff
from personalize.models import ModelUse

PERMITTED = ("choosing among approved texts", "timing and frequency under the client's own limits")
FORBIDDEN = ("eligibility", "pricing", "advice", "anything with a legal or similarly significant effect on the client")


class BadUse(Exception):
    """The use case cannot be declared as asked; the message says why. Nothing was written."""


@transaction.atomic
def declare(
    use_case: str, *, owner: Staff, purpose: str, materiality: str, lawful_basis: str, dpia: str, lia: str,
    ai_act_class: str, by: Staff, at: datetime,
) -> ModelUse:  # fmt: skip
    """Say on what footing models of a use case stand; a later declaration replaces it, history keeps both.

    dpia, lia  where the assessments are kept · Raises BadUse for a high-risk class: such models are not ours to make.
    """
    if ai_act_class not in ModelUse.AiActClass.values:
        raise BadUse(f"{ai_act_class} is no class that a model here may have; there are minimal and limited.")
    if lacking := [name for name, value in (("purpose", purpose), ("lawful basis", lawful_basis), ("DPIA", dpia),
                                            ("legitimate-interest assessment", lia)) if not value.strip()]:  # fmt: skip
        raise BadUse(f"Not said: {', '.join(lacking)}.")
    made, _ = ModelUse.objects.update_or_create(
        use_case=use_case,
        defaults={
            "owner": owner, "purpose": purpose, "materiality": materiality, "lawful_basis": lawful_basis,
            "dpia": dpia, "lia": lia, "ai_act_class": ai_act_class, "declared_by": by, "declared_at": at,
        },
    )  # fmt: skip
    ledger.record("model_use.declared", by=by, at=at, about=f"use:{use_case}", facts={"owner": owner.username})
    return made


def said(use_case: str) -> dict[str, Any]:
    """The part of a card that the declaration fills; nothing where nobody declared the use case."""
    found = ModelUse.objects.select_related("owner").filter(use_case=use_case).first()
    if found is None:
        return {}
    return {
        "purpose": found.purpose,
        "materiality": found.materiality,
        "legal": {
            "lawful_basis": found.lawful_basis, "dpia": found.dpia, "lia": found.lia,
            "ai_act_class": found.ai_act_class,
        },
    }  # fmt: skip


def filled(card: dict[str, Any], use_case: str) -> dict[str, Any]:
    """The card with what the declaration says now."""
    declared = said(use_case)
    return {**card, **declared, "legal": {**card.get("legal", {}), **declared.get("legal", {})}}
