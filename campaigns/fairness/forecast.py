"""What a model would show to whom, before it decides anything: the exposures it expects, compared by group."""

from datetime import datetime
from typing import Any

import numpy as np
from django.db import transaction

from campaigns import bulk, choosing
from campaigns.choosing import registered
from campaigns.fairness import exposures, measures, reports
from campaigns.models import FairnessReport, Offer, Run
from compliance.models import Staff
from personalize import profiles
from personalize.decide import policy, score
from personalize.decide.snapshot import Snapshot
from personalize.models import Artefact

CLIENTS = 20_000
BATCH = 2_000


@transaction.atomic
def of_model(artefact: Artefact, *, by: Staff | str, at: datetime) -> FairnessReport:
    """Compare what up to 20,000 clients would be shown under a model, by the newest plan of its use case."""
    clients = bulk.sample("true", {}, salt=artefact.sha256, limit=CLIENTS)
    model = registered.load(artefact)
    of = {"campaign_id": artefact.card["campaign_id"]} if isinstance(model, Snapshot) else {
        "campaign__use_case": artefact.use_case
    }  # fmt: skip
    run = Run.objects.filter(**of).exclude(policy="logged").order_by("-pk").first()
    plan = _under(run.plan, artefact, model) if run else None
    pages = [_page(clients[start : start + BATCH], plan, model, at=at) for start in range(0, len(clients), BATCH)]
    amounts = {key: np.concatenate([page[key] for page in pages]) for key in (pages[0] if pages else {})}
    found = measures.findings(clients, amounts, exposures.strata(clients, at=at))
    return reports.keep(found, artefact=artefact, until=at, clients=len(clients), by=by, at=at)


def _under(plan: dict[str, Any], artefact: Artefact, model: score.Model | Snapshot) -> dict[str, Any]:
    """The plan as it would be with this model, as greedy as its rows allow."""
    gamma = model.gamma() if isinstance(model, Snapshot) else policy.gamma_for(artefact.card.get("rows", 0))
    return {**plan, "artefact": artefact.pk, "artefact_sha256": artefact.sha256, "gamma": gamma}


def _page(
    clients: np.ndarray, plan: dict[str, Any] | None, model: score.Model | Snapshot, *, at: datetime
) -> dict[str, np.ndarray]:
    """Amounts of some clients by measure's key: the chance of each kind of offer, and what it costs."""
    amounts = {"expected": model.probability(profiles.table(clients, at=at).x)}
    if plan is None or not plan["slots"]:
        return amounts
    versions = [one["version"] for slot in plan["slots"] for one in slot["candidates"]]
    offers = {one.version_id: one for one in Offer.objects.filter(version__in=versions)}
    spared = {kind: np.ones(len(clients)) for kind in ("beneficial", "harmful")}
    cost, weight = np.zeros(len(clients)), np.zeros(len(clients))
    for slot, chance in zip(plan["slots"], choosing.chances(plan, clients, at=at), strict=True):
        told = [offers.get(one["version"]) for one in slot["candidates"]]
        for kind in spared:
            mine = np.array([one is not None and one.kind == kind for one in told], bool)
            spared[kind] *= 1.0 - chance[:, mine].sum(axis=1)
        fees = np.array([np.nan if one is None or one.fee_bps is None else one.fee_bps for one in told], np.float64)
        cost += chance @ np.nan_to_num(fees)
        weight += chance[:, ~np.isnan(fees)].sum(axis=1)
    offered, harmful = 1.0 - spared["beneficial"], 1.0 - spared["harmful"]
    return amounts | {
        "offered": offered,
        "offered_alike": offered,
        "harmful": harmful,
        "spared_alike": spared["harmful"] if harmful.any() else np.full(len(clients), np.nan),
        "fee": np.divide(cost, weight, out=np.full(len(clients), np.nan), where=weight > 0),
    }
