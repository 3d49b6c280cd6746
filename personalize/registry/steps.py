"""The way of a model: waiting, shadow, canary, live. One person asks for a step, two others approve it, one takes it.

The approvals go through the engine that decides texts; a trigger refuses a step that lacks them, whoever asks.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from compliance import ledger, review
from compliance.models import ReviewItem, ReviewKind, Staff
from personalize.models import Artefact, ModelStep, Stage
from personalize.registry import fields

BEFORE = {Stage.SHADOW: Stage.WAITING, Stage.CANARY: Stage.SHADOW, Stage.LIVE: Stage.CANARY}
AFTER = {before: after for after, before in BEFORE.items()}
STANDING = (Stage.SHADOW, Stage.CANARY, Stage.LIVE)
SHARE, MOST_SHARE = 0.1, 0.5  # of the clients that a canary answers
SAYS = {
    Stage.SHADOW: "It decides beside what is live, and nobody is shown what it would choose.",
    Stage.CANARY: "It answers {share:.0%} of the clients, always the same ones; the others go on as before.",
    Stage.LIVE: "It answers everybody; the model before it retires in the same moment.",
}


class CannotStep(Exception):
    """The model cannot take this step now; the message says why. Nothing was written."""


@transaction.atomic
def ask(artefact_id: int, *, share: float = 0.0, evidence: Sequence[str] = (), by: Staff, at: datetime) -> ModelStep:
    """Ask for a model's next step and put it before the reviewers; asking again gives the step that waits.

    share     of the clients, in (0, 0.5], for a canary; 0 for the other steps
    evidence  what is known of it so far, in sentences, as the approvers read it
    Raises CannotStep: each field that the card lacks is named.
    """
    model = _locked(artefact_id)
    to = AFTER.get(Stage(model.stage))
    if to is None:
        raise CannotStep("This model takes no further step.")
    _may_go_on(model, at=at)
    if (to == Stage.CANARY) != bool(share) or not 0 <= share <= MOST_SHARE:
        raise CannotStep(f"A canary answers more than none and at most {MOST_SHARE:.0%} of the clients.")
    _is_free(model, to)
    if waiting := open_step(model, at=at):
        return waiting
    step = ModelStep.objects.create(
        artefact=model, to=to, share=share, digest=_digest(model, to, share, at), evidence=list(evidence),
        asked_by=by, asked_at=at,
    )  # fmt: skip
    words = SAYS[to].format(share=share)
    review.submit(
        digest=step.digest,
        kind=ReviewKind.MODEL,
        title=f"{model.use_case}, version {model.version}: {to.label.lower()}",
        snapshot={
            "title": "Step of a model", "about": f"model:{model.pk}",
            "parts": {"step": words, "model": _told(model), "evidence": "\n".join(evidence) or "None yet."},
        },
        topics=[],
        findings=[],
        authors={one for one in (by.pk, model.owner_id, _trainer(model)) if one},
        reason="Two people approve every step of a model towards clients.",
        approvals_needed=2,
        by=by,
        at=at,
    )  # fmt: skip
    facts = {"to": to, "share": share, "digest": step.digest, "sha256": model.sha256}
    ledger.record("model.step_asked", by=by, at=at, about=f"model:{model.pk}", facts=facts)
    return step


@transaction.atomic
def take(step_id: int, *, by: Staff, at: datetime) -> Artefact:
    """Take a step that two others approved. Raises CannotStep; nothing is written then.

    Whoever is live retires in the same moment that another goes live.
    """
    step = ModelStep.objects.select_for_update().get(pk=step_id)
    model, to = _locked(step.artefact_id), Stage(step.to)
    if step.taken_at is not None or model.stage != BEFORE[to]:
        raise CannotStep("This step was taken, or is not the next one.")
    _may_go_on(model, at=at)
    _is_free(model, to)
    if model.owner_id == by.pk:
        raise CannotStep("Nobody lets the model they own go on.")
    stands = review.standing([step.digest], at=at).get(step.digest, "absent")
    if stands != "approved":
        raise CannotStep(f"Two people have to approve this step first; it is {stands} now.")
    step.taken_by, step.taken_at = by, at
    step.save(update_fields=["taken_by", "taken_at"])
    if to == Stage.LIVE:
        for former in Artefact.objects.select_for_update(of=("self",)).filter(use_case=model.use_case, stage=to):
            former.stage = Stage.RETIRED
            former.save(update_fields=["stage"])
        model.approved_by, model.approved_at = by, at
    model.stage, model.step = to, step
    model.save(update_fields=["stage", "step", "approved_by", "approved_at"])
    facts = {"use_case": model.use_case, "version": model.version, "sha256": model.sha256, "share": step.share}
    ledger.record(f"model.{to}", by=by, at=at, about=f"model:{model.pk}", facts=facts)
    return model


@transaction.atomic
def fall_back(artefact_id: int, *, why: str, by: Staff | str, at: datetime) -> None:
    """Take a canary back into shadow, or out where another is there; its clients go on as the others. CannotStep."""
    model = _locked(artefact_id)
    if model.stage != Stage.CANARY:
        raise CannotStep("This model is no canary.")
    model.stage = Stage.RETIRED if standing(model.use_case, Stage.SHADOW) else Stage.SHADOW
    model.save(update_fields=["stage"])
    facts = {"sha256": model.sha256, "to": model.stage, "why": why[:300]}
    ledger.record("model.fell_back", by=by, at=at, about=f"model:{model.pk}", facts=facts)


def standing(use_case: str, stage: Stage) -> Artefact | None:
    """The model of a use case that stands in a stage; None where none does."""
    return Artefact.objects.select_related("step").filter(use_case=use_case, stage=stage).first()


def open_step(model: Artefact, *, at: datetime) -> ModelStep | None:
    """The step that was asked for from where the model stands and is not taken, rejected or withdrawn; None: ask."""
    to = AFTER.get(Stage(model.stage))
    newest = ModelStep.objects.filter(artefact=model, to=to, taken_at=None).order_by("-pk").first()
    if newest is None or (model.step_id is not None and newest.pk < model.step_id):
        return None
    stands = review.standing([newest.digest], at=at).get(newest.digest)
    return newest if stands in ("waiting", "approved") else None


def item(step: ModelStep) -> ReviewItem:
    """The review that decides a step."""
    return ReviewItem.objects.get(digest=step.digest)


def _may_go_on(model: Artefact, *, at: datetime) -> None:
    if model.expires_at is None or model.expires_at <= at:
        raise CannotStep("This model has expired. Train a new one.")
    if lacking := fields.missing(model):
        raise CannotStep(f"The card does not say: {'; '.join(lacking)}.")


def _is_free(model: Artefact, to: Stage) -> None:
    if to in (Stage.SHADOW, Stage.CANARY) and (other := standing(model.use_case, to)):
        raise CannotStep(f"Version {other.version} of this use case is {to.label.lower()} now. Retire it first.")


def _digest(model: Artefact, to: Stage, share: float, at: datetime) -> str:
    asked = {"model": model.sha256, "to": str(to), "share": share, "asked_at": at.isoformat()}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _told(model: Artefact) -> str:
    return "\n".join([
        f"{model.use_case}, version {model.version}, {model.method}, sha256 {model.sha256}",
        f"Purpose: {model.card['purpose']}. May be used for: {', '.join(model.card['permitted_uses'])}.",
        f"Validated: {model.findings}",
    ])  # fmt: skip


def _trainer(model: Artefact) -> int | None:
    """Who trained the model by hand; None where a program did."""
    who, _, key = model.trained_by.partition(":")
    known = who == "staff" and key.isdecimal() and Staff.objects.filter(pk=int(key)).exists()
    return int(key) if known else None


def _locked(artefact_id: int) -> Artefact:
    return Artefact.objects.select_for_update(of=("self",)).get(pk=artefact_id)
