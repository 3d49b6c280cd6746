"""The guard of canaries: one that is proven to do harm, or worse than what is live, falls back by itself."""

from datetime import datetime
from functools import partial

from campaigns.fairness import reports
from campaigns.trials import evidence
from compliance import faults
from personalize.models import Artefact, Stage
from personalize.registry import steps

BY = "system:watch"


def look(*, at: datetime) -> dict[int, str]:
    """Take back every canary that fails a guardrail: model → why. Intervals hold however often one looks."""
    canaries = Artefact.objects.select_related("step").filter(stage=Stage.CANARY).order_by("pk")
    looks = ((f"model:{one.pk}", partial(_look_at, one, at=at)) for one in canaries)
    return {pk: why for pk, why in faults.each("canary.look", looks, at=at).values() if why}


def _look_at(model: Artefact, *, at: datetime) -> tuple[int, str]:
    if why := failed(model, at=at):
        steps.fall_back(model.pk, why=why, by=BY, at=at)
    return model.pk, why


def failed(model: Artefact, *, at: datetime) -> str:
    """Why a canary may not go on, as a sentence; empty when it may."""
    if model.expires_at is None or model.expires_at <= at:
        return "It has expired."
    worse = [one for one in evidence.of(model, at=at).lines if one.verdict == evidence.WORSE and one.key != "opened"]
    if worse:
        return " ".join(f"{one.label}: proven worse than what is live." for one in worse)
    report = reports.newest(artefact=model)
    if report is not None and report.verdict == "fail":
        return f"{reports.WORDS['fail']} Fairness report {report.pk} says where."
    return ""
