"""The model that a plan names, as far as it is registered and still in force; and who is answered by a canary."""

from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np

from personalize.decide import draws, modeltext, score, snapshottext
from personalize.decide.snapshot import Policy, Snapshot
from personalize.models import Artefact, Stage


class PlanMismatch(Exception):
    """The model on file is not the one the plan names. Nothing was decided."""


def in_force(plan: dict[str, Any], *, at: datetime) -> dict[str, Any]:
    """The plan as it binds now: without its model where that has expired or was taken out, so that rules choose.

    A learned policy that its own next day replaced still decides what was planned with it.
    """
    if not plan["artefact"]:
        return plan
    found = Artefact.objects.filter(pk=plan["artefact"]).defer("body").first()
    if found is None:
        raise PlanMismatch(f"artefact {plan['artefact']}")
    expired = found.expires_at is not None and found.expires_at <= at
    if not expired and (found.stage in (Stage.CANARY, Stage.LIVE) or _lives_on(found)):
        return plan
    return out_of_force(plan, why="expired" if expired else "retired")


def out_of_force(plan: dict[str, Any], *, why: str) -> dict[str, Any]:
    """The plan under rules, because its model is "expired" or "retired"."""
    return {**without_model(plan), "policy": f"rules-1-{why}"}


def _lives_on(found: Artefact) -> bool:
    root = found.card.get("root")
    if found.stage != Stage.RETIRED or found.method != snapshottext.METHOD or not root:
        return False
    return Artefact.objects.filter(use_case=found.use_case, stage=Stage.LIVE, card__root=root).exists()


def as_decided(plan: dict[str, Any], artefact_id: int | None) -> dict[str, Any]:
    """The plan as it bound a decision that names this model, or none where rules had to choose in its place."""
    if plan.get("canary") and artefact_id == plan["canary"]["artefact"]:
        return under_canary(plan)
    return without_model(plan) if plan["artefact"] and artefact_id is None else plan


def split(plan: dict[str, Any], client_ids: np.ndarray, *, at: datetime) -> list[tuple[dict[str, Any], np.ndarray]]:
    """The ways in which a plan decides, and where the clients of each are in `client_ids`: the canary's and the rest.

    Who is answered by a canary depends on its hash and the client alone, so it is the same people in every run for as
    long as it stands; once it was taken back, they go on as the others.
    """
    everybody = np.arange(len(client_ids))
    canary = plan.get("canary")
    if (
        not canary
        or not Artefact.objects.filter(
            pk=canary["artefact"], stage__in=(Stage.CANARY, Stage.LIVE), expires_at__gt=at
        ).exists()
    ):
        return [(plan, everybody)]
    mine = is_canarys(plan, client_ids)
    ways = [(plan, everybody[~mine]), (under_canary(plan), everybody[mine])]
    return [(way, those) for way, those in ways if len(those)]


def is_canarys(plan: dict[str, Any], client_ids: np.ndarray) -> np.ndarray:
    """Whom the plan's canary answers as long as it stands: (n,) bool."""
    canary = plan["canary"]
    return np.asarray(
        draws.uniform(int(canary["artefact_sha256"][:15], 16), client_ids, "canary") < canary["share"], bool
    )


def under_canary(plan: dict[str, Any]) -> dict[str, Any]:
    """The plan as the clients of its canary are decided for."""
    return {**plan, **{name: value for name, value in plan["canary"].items() if name != "share"}}


def without_model(plan: dict[str, Any]) -> dict[str, Any]:
    """The plan under rules: every open candidate is as likely as any other."""
    return {**plan, "artefact": None, "artefact_sha256": "", "policy": "rules-1", "phase": "rules", "gamma": 0.0}


def model(plan: dict[str, Any]) -> score.Model | Policy | None:
    """The plan's model with slots and candidates in plan order; None under rules. Raises PlanMismatch."""
    if not plan["artefact"]:
        return None
    slots = tuple(slot["slot"] for slot in plan["slots"])
    digests = tuple(tuple(one["digest"] for one in slot["candidates"]) for slot in plan["slots"])
    return _aligned(plan["artefact"], plan["artefact_sha256"], slots, digests)


def load(artefact: Artefact) -> score.Model | Snapshot:
    """The registered model itself. Raises BadModel when its text is not the one of its hash."""
    if artefact.method == snapshottext.METHOD:
        return snapshottext.load(artefact.body, artefact.sha256)
    return modeltext.load(artefact.body, artefact.sha256)


@lru_cache(maxsize=16)
def _aligned(
    artefact_id: int, sha256: str, slots: tuple[str, ...], digests: tuple[tuple[str, ...], ...]
) -> score.Model | Policy:
    return _loaded(artefact_id, sha256).aligned(slots, digests)


@lru_cache(maxsize=16)
def _loaded(artefact_id: int, sha256: str) -> score.Model | Snapshot:
    artefact = Artefact.objects.get(pk=artefact_id)
    if artefact.sha256 != sha256:
        raise PlanMismatch(f"artefact {artefact_id}")
    return load(artefact)
