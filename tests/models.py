"""Footings on which models stand, and models signed and let live, the same in every test."""

from datetime import timedelta

from compliance import review
from compliance.models import Role, Staff
from personalize.models import Artefact, ModelStep, ModelUse, Stage
from personalize.registry import signing, steps, uses
from tests.people import NOON, reviewer


def declared(use_case: str, *, owner: Staff, by: Staff) -> ModelUse:
    """A use case that may have models."""
    return uses.declare(
        use_case, owner=owner, purpose="Choose what suits each client", materiality="low",
        lawful_basis="legitimate interest", dpia="DPIA-1", lia="LIA-1", ai_act_class="minimal", by=by, at=NOON,
    )  # fmt: skip


def signed(made: Artefact, *, owner: Staff, officer: Staff, at=NOON - timedelta(days=1)) -> Artefact:
    """Owned, and validated by another."""
    signing.own(made.pk, by=owner, at=at)
    signing.validate(made.pk, findings="Nothing open.", by=officer, at=at)
    made.refresh_from_db()
    return made


def approved(step: ModelStep, *, at=NOON - timedelta(days=1)) -> ModelStep:
    """A step that an editor and an officer said yes to."""
    item = steps.item(step)
    for by in (reviewer("editor", Role.EDITOR), reviewer("officer", Role.OFFICER)):
        review.approve(item.pk, by=by, seen=item.digest, reason="Agreed.", at=at)
    return step


def stepped(made: Artefact, to: Stage, *, officer: Staff, share: float = 0.1, at=NOON - timedelta(days=1)) -> Artefact:
    """A signed model that two others let take every step up to `to`."""
    made.refresh_from_db()
    while made.stage != to:
        canary = made.stage == Stage.SHADOW
        step = steps.ask(made.pk, share=share if canary else 0.0, by=made.owner, at=at)
        made = steps.take(approved(step, at=at).pk, by=officer, at=at)
    return made


def let_live(made: Artefact, *, owner: Staff, officer: Staff, at=NOON - timedelta(days=1)) -> Artefact:
    """Owned, validated and live."""
    return stepped(signed(made, owner=owner, officer=officer, at=at), Stage.LIVE, officer=officer, at=at)
