"""How far a model may be trusted with clients: as greedy as its rows allow, once it is proven to treat groups alike."""

from campaigns.choosing import registered
from campaigns.fairness import reports
from personalize import training
from personalize.decide import policy
from personalize.decide.snapshot import Snapshot
from personalize.learn.fairness import Verdict
from personalize.models import Artefact

PROVEN = (Verdict.PASS, Verdict.WARN)


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
