"""Footings on which models stand, and models signed and let live, the same in every test."""

from datetime import timedelta

from compliance.models import Staff
from personalize import training
from personalize.models import Artefact, ModelUse
from personalize.registry import signing, uses
from tests.people import NOON


def declared(use_case: str, *, owner: Staff, by: Staff) -> ModelUse:
    """A use case that may have models."""
    return uses.declare(
        use_case, owner=owner, purpose="Choose what suits each client", materiality="low",
        lawful_basis="legitimate interest", dpia="DPIA-1", lia="LIA-1", ai_act_class="minimal", by=by, at=NOON,
    )  # fmt: skip


def let_live(made: Artefact, *, owner: Staff, officer: Staff, at=NOON - timedelta(days=1)) -> Artefact:
    """Owned, validated and live."""
    signing.own(made.pk, by=owner, at=at)
    signing.validate(made.pk, findings="Nothing open.", by=officer, at=at)
    training.go_live(made.pk, by=officer, at=at)
    made.refresh_from_db()
    return made
