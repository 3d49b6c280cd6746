"""The gate before a model: it is tried on clients first, and one that would treat groups unlike stays in shadow."""

from datetime import datetime

from campaigns.choosing import registered
from campaigns.fairness import forecast, reports
from compliance.models import Staff
from personalize import training
from personalize.decide import policy
from personalize.decide.snapshot import Snapshot
from personalize.learn.fairness import Verdict
from personalize.models import Artefact, Stage
from personalize.training import NotReady

PROVEN = (Verdict.PASS, Verdict.WARN)


def go_live(artefact_id: int, *, by: Staff, at: datetime) -> None:
    """Let a model decide once its fairness report, made now, does not fail. Raises NotReady; the report is kept.

    A trigger refuses a model whose newest report failed, whoever asks.
    """
    model = Artefact.objects.filter(pk=artefact_id, stage=Stage.SHADOW).first()
    if model is not None:
        report = forecast.of_model(model, by=by, at=at)
        if report.verdict == Verdict.FAIL:
            raise NotReady(f"{reports.WORDS[Verdict.FAIL]} Fairness report {report.pk} says where.")
    training.go_live(artefact_id, by=by, at=at)


def gamma(live: Artefact) -> float:
    """How greedy a live model may be: as its rows allow, or as a model with the fewest where nothing proves it fair.

    Inconclusive is no pass: until it is, chance allots more, and every choice keeps a probability that shows it.
    """
    rows = live.card.get("rows", 0)
    report = reports.newest(artefact=live)
    is_proven = report is not None and report.verdict in PROVEN
    model = registered.load(live)
    if isinstance(model, Snapshot):
        return model.gamma() if is_proven else model.gamma(training.POOLED_ROWS)
    return policy.gamma_for(rows if is_proven else min(rows, training.POOLED_ROWS))
