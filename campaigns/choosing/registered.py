"""The model that a plan names, as far as it is registered and still in force."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from personalize.decide import modeltext, score
from personalize.models import Artefact, Stage


class PlanMismatch(Exception):
    """The model on file is not the one the plan names. Nothing was decided."""


def in_force(plan: dict[str, Any], *, at: datetime) -> dict[str, Any]:
    """The plan as it binds now: without its model where that has expired or was taken out, so that rules choose."""
    if not plan["artefact"]:
        return plan
    found = Artefact.objects.filter(pk=plan["artefact"]).values_list("stage", "expires_at").first()
    if found is None:
        raise PlanMismatch(f"artefact {plan['artefact']}")
    stage, expires_at = found
    expired = expires_at is not None and expires_at <= at
    if stage == Stage.LIVE and not expired:
        return plan
    return {**without_model(plan), "policy": f"rules-1-{'expired' if expired else 'retired'}"}


def as_decided(plan: dict[str, Any], artefact_id: int | None) -> dict[str, Any]:
    """The plan as it bound a decision that names this model, or none where rules had to choose in its place."""
    return without_model(plan) if plan["artefact"] and artefact_id is None else plan


def without_model(plan: dict[str, Any]) -> dict[str, Any]:
    """The plan under rules: every open candidate is as likely as any other."""
    return {**plan, "artefact": None, "artefact_sha256": "", "policy": "rules-1", "phase": "rules", "gamma": 0.0}


def model(plan: dict[str, Any]) -> score.Model | None:
    """The plan's model with slots and candidates in plan order; None under rules."""
    if not plan["artefact"]:
        return None
    slots = tuple(slot["slot"] for slot in plan["slots"])
    digests = tuple(tuple(one["digest"] for one in slot["candidates"]) for slot in plan["slots"])
    return _loaded(plan["artefact"], plan["artefact_sha256"]).aligned(slots, digests)


@lru_cache(maxsize=16)
def _loaded(artefact_id: int, sha256: str) -> score.Model:
    artefact = Artefact.objects.get(pk=artefact_id)
    if artefact.sha256 != sha256:
        raise PlanMismatch(f"artefact {artefact_id}")
    return modeltext.load(artefact.body, sha256)
