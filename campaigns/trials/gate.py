"""The steps of a model with what they need of the world: clients treated alike, and a trial that says enough."""

from datetime import datetime

from campaigns.fairness import forecast, reports
from campaigns.trials import evidence
from compliance.models import Staff
from personalize.learn.fairness import Verdict
from personalize.models import Artefact, ModelStep, Stage
from personalize.registry import steps
from personalize.registry.steps import CannotStep


def ask(artefact_id: int, *, share: float = 0.0, by: Staff, at: datetime) -> ModelStep:
    """Ask for a model's next step, with the evidence there is. Raises CannotStep, naming what the trial lacks."""
    model = Artefact.objects.select_related("step").get(pk=artefact_id)
    found = evidence.of(model, at=at)
    _enough(found)
    _fair(model)
    return steps.ask(artefact_id, share=share, evidence=found.said(), by=by, at=at)


def take(step_id: int, *, by: Staff, at: datetime) -> Artefact:
    """Take an approved step, if groups would be treated alike and the trial still says enough. Raises CannotStep.

    The fairness report is made now and kept, whatever it says; a trigger refuses a model whose newest one failed.
    """
    step = ModelStep.objects.select_related("artefact__step").get(pk=step_id)
    _enough(evidence.of(step.artefact, at=at))
    _fair(step.artefact)
    if step.to != Stage.SHADOW:
        report = forecast.of_model(step.artefact, by=by, at=at)
        if report.verdict == Verdict.FAIL:
            raise CannotStep(f"{reports.WORDS[Verdict.FAIL]} Fairness report {report.pk} says where.")
    return steps.take(step_id, by=by, at=at)


def _fair(model: Artefact) -> None:
    """Refuse a model in which a proxy alone changes too many decisions, or that misjudges a group.

    What was not searched is not on its card.
    """
    said = model.card.get("fairness")
    said = said if isinstance(said, dict) else {}
    if wrong := [one for one in said.get("within", []) if one["verdict"] == Verdict.FAIL]:
        words = ", ".join(f"{one['attribute']}: {one['group']} ({100 * one['apart']:.1f} points)" for one in wrong)
        raise CannotStep(f"What the model says does not come true in a group: {words}.")
    if failed := [one for one in said.get("flips", []) if one["verdict"] == Verdict.FAIL]:
        words = ", ".join(f"{one['feature']} ({100 * one['share']:.1f} %)" for one in failed)
        raise CannotStep(f"A feature that stands in for a group changes too many decisions by itself: {words}.")


def _enough(found: evidence.Evidence) -> None:
    if found.lacking:
        raise CannotStep(" ".join(found.lacking))
