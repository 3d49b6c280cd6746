"""Shadows decide: for every decision that really reached somebody, what the model in shadow would have chosen.

It reads what the decision saw and draws with the run's own seed, minutes later and in another process: nothing that it
does, or fails to do, can reach a client.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from campaigns.bulk import trials as bulk
from campaigns.choosing import beside, learned, registered
from campaigns.fairness import gate
from campaigns.learning import scope
from campaigns.models import Run
from compliance import faults
from personalize import features
from personalize.decide.score import Model
from personalize.decide.snapshot import Policy, TooManyCombinations
from personalize.models import Artefact, Stage

BATCH, MOST = 5_000, 200_000


def look(*, at: datetime) -> dict[int, int]:
    """Let every shadow decide what it has not decided yet; model → how many decisions."""
    found = Artefact.objects.select_related("step").filter(stage=Stage.SHADOW, expires_at__gt=at).order_by("pk")
    each = ((f"model:{one.pk}", partial(_counted, one, at=at)) for one in found)
    return dict(faults.each("shadow.decide", each, at=at).values())


def _counted(model: Artefact, *, at: datetime) -> tuple[int, int]:
    return model.pk, decide(model, at=at)


def decide(model: Artefact, *, at: datetime) -> int:
    """Let one shadow decide, from when it became one, at most 200,000 decisions in one go; how many."""
    assert model.step is not None
    done, skipped = 0, 0
    while done + skipped < MOST:
        rows = bulk.undecided(model.pk, model.use_case, since=model.step.taken_at, limit=BATCH + skipped)[skipped:]
        if not rows:
            break
        made = [one for run, of_run in groupby(rows, itemgetter(1)) for one in _of_run(model, run, list(of_run), at=at)]
        bulk.keep(made)
        done, skipped = done + len(made), skipped + len(rows) - len(made)
    return done


def _of_run(model: Artefact, run_id: int, rows: list[tuple[Any, ...]], *, at: datetime) -> Iterator[tuple[Any, ...]]:
    """What the shadow makes of one run's decisions; nothing where it does not fill that run's slots."""
    run = Run.objects.get(pk=run_id)
    plan = {
        **run.plan, "artefact": model.pk, "artefact_sha256": model.sha256, "gamma": gate.gamma(model),
        "policy": scope.policy(model), "phase": scope.phase(model),
    }  # fmt: skip
    try:
        loaded = registered.model(plan)
    except (KeyError, TooManyCombinations):  # a policy of other slots has nothing to say of this run
        return
    width = len(features.registry())
    ids = np.array([one[2] for one in rows], np.int64)
    x = np.full((len(rows), width), np.nan, np.float32)
    for number, one in enumerate(rows):
        seen = np.frombuffer(bytes(one[6]), np.float32)[:width]
        x[number, : len(seen)] = seen
    own = _own(plan, loaded, ids, rows)
    made = beside.beside(
        plan, ids, np.array([one[4] for one in rows], np.intp), seed=run.seed, x=x, own=own,
        closed=np.stack([np.frombuffer(bytes(one[5]), np.uint8) for one in rows]),
    )  # fmt: skip
    for number, one in enumerate(rows):
        yield (
            model.pk,
            one[0],
            made.choice[number].tolist(),
            float(made.chance[number]),
            float(made.likely[number]),
            at,
        )


def _own(
    plan: dict[str, Any], model: Model | Policy | None, ids: np.ndarray, rows: list[tuple[Any, ...]]
) -> np.ndarray:
    """What a learned policy would have seen beside the features: as the message keeps it, or as it was then."""
    if not isinstance(model, Policy):
        return np.zeros((len(rows), 0), np.float32)
    if all(len(bytes(one[7])) == 4 * model.width for one in rows):
        return np.stack([np.frombuffer(bytes(one[7]), np.float32) for one in rows])
    own = np.zeros((len(rows), model.width), np.float32)
    when = np.array([one[3].timestamp() for one in rows])
    for moment in np.unique(when):
        those = np.flatnonzero(when == moment)
        own[those] = learned.own(plan, model, ids[those], at=rows[those[0]][3])
    return own
