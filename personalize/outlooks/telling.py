"""What is told of each client: likely or unlikely, by the live model, by its canary for a few, or by the rule."""

from datetime import datetime

import numpy as np

from compliance import consent, ledger
from personalize import profiles, training
from personalize.bulk import outlooks as bulk
from personalize.decide import draws, modeltext
from personalize.decide.values import FeatureTable
from personalize.models import Artefact, Stage
from personalize.outlooks.cases import Case
from personalize.registry import steps

BY = "system:outlooks"
CHUNK = 10_000
TIMES = 2.0  # as likely as the average client, and a model calls it likely
LIKELY, UNLIKELY = "likely", "unlikely"


def key(case: Case) -> str:
    """The attribute under which it is told, for audiences: attribute:outlook_churn."""
    return f"outlook_{case.code}"


def tell(case: Case, *, at: datetime) -> dict[str, int]:
    """Tell it of every client who allows profiling, and forget it of the others; how many of each."""
    live, canary = training.live(case.code, at=at), steps.standing(case.code, Stage.CANARY)
    counts = {LIKELY: 0, UNLIKELY: 0, "forgotten": 0}
    last = 0
    while len(ids := bulk.after(last, limit=CHUNK)):
        last = int(ids[-1])
        allowed = consent.profiling(ids, at=at)
        mine = ids[allowed]
        if len(mine):
            is_likely, sources = _said(case, profiles.table(mine, at=at), live, canary)
            bulk.tell(key(case), mine, [LIKELY if one else UNLIKELY for one in is_likely.tolist()], sources, at=at)
            counts[LIKELY] += int(is_likely.sum())
            counts[UNLIKELY] += int((~is_likely).sum())
        bulk.forget(key(case), ids[~allowed])
        counts["forgotten"] += int((~allowed).sum())
    facts = {"by": f"model:{live.pk}" if live else f"rule:{case.root[:12]}", **counts}
    ledger.record("outlook.told", by=BY, at=at, about=f"use:{case.code}", facts=facts)
    return counts


def _said(
    case: Case, table: FeatureTable, live: Artefact | None, canary: Artefact | None
) -> tuple[np.ndarray, list[str]]:
    """(n,) bool likely, and by what each was said."""
    likely = case.points(table.x, table.codes) >= case.likely
    sources = np.full(len(likely), f"rule:{case.root[:12]}", object)
    for model, mine in ((live, np.ones(len(likely), bool)), (canary, _of_canary(canary, table.ids))):
        if model is not None and mine.any():
            chance = modeltext.load(model.body, model.sha256).probability(table.x[mine])
            likely[mine] = chance >= TIMES * model.card["positives"] / max(model.card["rows"], 1)
            sources[mine] = f"model:{model.pk}"
    return likely, sources.tolist()


def _of_canary(canary: Artefact | None, ids: np.ndarray) -> np.ndarray:
    """Whom a canary answers: by its hash and the client alone."""
    if canary is None or canary.step is None:
        return np.zeros(len(ids), bool)
    return draws.uniform(int(canary.sha256[:15], 16), ids, "canary") < canary.step.share
