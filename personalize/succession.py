"""A learned policy goes on from day to day under the approval of its first; or is taken back, by a machine, at once.

People approve a policy with its reward, its features and its gates. A later day of the very same policy changes numbers
within those bounds only; so it inherits who answers for it and, above all, when the approval ends. A machine may take a
policy back; only a person lets one live.
"""

from datetime import datetime

from django.db import transaction

from compliance import ledger
from personalize.models import Artefact, Stage
from personalize.registry import fields
from personalize.training import NotReady


@transaction.atomic
def take_over(artefact_id: int, *, after: int, by: str, at: datetime) -> None:
    """Put a later day of a live policy in its place. Raises NotReady; nothing is written then.

    Both name the same root, the one before is live and has not ended, and the card says everything.
    """
    rows = {one.pk: one for one in Artefact.objects.select_for_update(of=("self",)).filter(pk__in=(artefact_id, after))}
    made, before = rows.get(artefact_id), rows.get(after)
    if made is None or before is None or made.stage != Stage.WAITING or before.stage != Stage.LIVE:
        raise NotReady("There is no live policy that this one goes on from.")
    if before.expires_at is None or before.expires_at <= at:
        raise NotReady("The approval of this policy has ended.")
    if made.use_case != before.use_case or not made.card.get("root") or made.card["root"] != before.card.get("root"):
        raise NotReady("It is another policy: people have to let it live.")
    for name in ("owner", "owned_at", "validator", "validated_at", "findings", "approved_by", "approved_at",
                 "expires_at", "step"):  # fmt: skip
        setattr(made, name, getattr(before, name))
    if lacking := fields.missing(made):
        raise NotReady(f"The card does not say: {'; '.join(lacking)}.")
    made.stage = Stage.LIVE  # the one before retires by the same row: trigger `personalize_guard_stage`
    made.save(update_fields=["stage", "owner", "owned_at", "validator", "validated_at", "findings", "approved_by",
                             "approved_at", "expires_at", "step"])  # fmt: skip
    ledger.record(
        "model.renewed", by=by, at=at, about=f"model:{made.pk}",
        facts={"after": before.sha256, "sha256": made.sha256, "root": made.card["root"]},
    )  # fmt: skip


@transaction.atomic
def demote(artefact_id: int, *, why: str, by: str, at: datetime) -> None:
    """Take a live policy back because a gate failed; rules choose until a person lets one live. Raises NotReady."""
    wanted = list(Artefact.objects.select_for_update(of=("self",)).filter(pk=artefact_id, stage=Stage.LIVE))
    if not wanted:
        raise NotReady("This policy is not live.")
    wanted[0].stage = Stage.RETIRED
    wanted[0].save(update_fields=["stage"])
    facts = {"sha256": wanted[0].sha256, "why": why[:300]}
    ledger.record("model.demoted", by=by, at=at, about=f"model:{artefact_id}", facts=facts)
