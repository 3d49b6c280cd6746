"""A model's card: what a person must know before letting it decide, measured on rows the model had not seen."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from personalize.decide import score
from personalize.decide.features import CATEGORY
from personalize.decide.score import Model
from personalize.learn import calibration, propensity, tables
from personalize.learn.forward import Walk
from personalize.learn.propensity import Trained
from personalize.learn.rows import Rows, folds
from personalize.learn.tables import Settings

CLEAR_AUC = 0.505  # below it a model cannot rank, and rules are better
ALONE = 0.85  # an AUC by one feature alone that is rarely honest
GROUP_LEVELS, GROUP_COLUMNS, GROUP_ROWS = 8, 6, 50
STUDIED_ROWS = 20_000
FEW_POSITIVES = 500
BRIEF = Settings(rounds=100, rate=0.15)  # of a challenger that is only there to be compared with

METHODS = {
    "linear": "Logistic regression with shrinkage: every feature has one weight, or one for each answer.",
    "tables": "Sum of small tables of one or two features each, grown by boosting and written out exactly.",
}
SOUND = {
    "linear": "Each feature moves the log-odds by its weight; shrinkage keeps what few rows say near zero.",
    "tables": "Effects of one feature are read off a table, effects of two off a grid; there is nothing else in it.",
}
# Population stability: Siddiqi 2006. Calibration slope: the phase-in of decision science, section 3.
MONITORING = {
    "psi_above": 0.25,
    "slope_within": [0.8, 1.25],
    "on": ["the score", "every feature"],
    "how_often": "every day, over the last 28 days",
    "then": "it is retired by itself, and rules decide until another one is live",
}


def card(rows: Rows, trained: Trained, walk: Walk | None, *, seed: int) -> dict[str, Any]:
    """The measured part of a card.

    walk  how the model lives with time (see `learn.forward`); None where nobody knows when rows happened, or too few
    """
    p = score.probability(trained.held_out)
    found = calibration.scores(rows.y, p)
    after = calibration.scores(walk.y, walk.static) if walk else None
    return {
        "rows": found.n,
        "positives": found.positives,
        "base_rate": found.base,
        "method": trained.model.method,
        "method_words": METHODS[trained.model.method],
        "auc": found.auc,
        "auc_interval": calibration.auc_interval(rows.y, p),
        "log_loss": found.log_loss,
        "brier": found.brier,
        "ece": found.ece,
        "lift": found.lift,
        "forward_auc": after.auc if after else None,
        "forward_ece": after.ece if after else None,
        "forward_log_loss": after.log_loss if after else None,
        "walk": _walked(walk) if walk else None,
        "reliability": [asdict(one) for one in calibration.reliability(rows.y, p)],
        "groups": groups(rows, p),
        "recalibrated": trained.recalibrated,
        "features": [one.column.code for one in trained.model.inputs],
        "importance": [
            {"name": name, "weight": weight} for name, weight in propensity.importance(trained.model, rows.x)[:40]
        ],
        "candidates": sum(len(one) for one in trained.model.candidates),
        "seed": seed,
        "settings": asdict(trained.settings) if trained.settings else {"penalty": trained.penalty},
        "explainability": faithfulness(trained.model, rows.x),
        "robustness": without_each(trained.model, rows),
        "limitations": limits(rows, trained.model, found, after, walk),
    }


def challengers(rows: Rows, trained: Trained, *, seed: int) -> list[dict[str, Any]]:
    """Other kinds of model on the same held-out fifths; for comparison only, none of them may go live."""
    kinds = {"logistic regression": "linear", "glass-box tables": "tables"}
    known = {kind: name for name, kind in kinds.items()}
    p = score.probability(trained.held_out)
    found = [_scored(f"{known[trained.model.method]} (this model)", rows.y, p)]
    other = next(kind for kind in kinds.values() if kind != trained.model.method)
    tried = {known[other]: np.empty(len(rows.y)), "boosted trees without limits": np.empty(len(rows.y))}
    for number, test in enumerate(folds(rows.y, seed)):
        train = np.ones(len(rows.y), bool)
        train[test] = False
        part = rows.some(train)
        main = propensity.main(part, other, 10.0, BRIEF, seed + number)
        tried[known[other]][test] = main.probability(rows.x[test])
        tried["boosted trees without limits"][test] = tables.free(part, rows.x[test], seed=seed + number)
    return found + [_scored(name, rows.y, one) for name, one in tried.items()]


def _scored(name: str, y: np.ndarray, p: np.ndarray) -> dict[str, Any]:
    return {"name": name, "auc": calibration.auc(y, p), "log_loss": calibration.log_loss(y, p)}


def fairness(found: list[dict[str, Any]]) -> dict[str, Any]:
    """What can be said without protected attributes: how far what was said and what came are apart in any group."""
    apart = [abs(one["said"] - one["rate"]) for one in found]
    return {
        "largest_gap": max(apart) if apart else None,
        "groups": len(found),
        "protected": "kept apart from models; disparity of what clients are shown is tested on exposures",
    }


def code_sha256() -> str:
    """SHA-256 of the code that fits and scores, hex."""
    folder = Path(__file__).parent
    files = sorted([*(folder / "learn").glob("*.py"), *(folder / "decide").glob("*.py")])
    return hashlib.sha256(b"".join(one.read_bytes() for one in files)).hexdigest()


def groups(rows: Rows, p: np.ndarray) -> list[dict[str, Any]]:
    """Scores by group, of up to six categories of at most eight answers: n, what came and was said, with intervals."""
    few = [(column, position) for column, position in zip(rows.columns, rows.positions, strict=True)
           if column.kind == CATEGORY and len(column.levels) <= GROUP_LEVELS]  # fmt: skip
    found = []
    for column, position in few[:GROUP_COLUMNS]:
        value = rows.x[:, position]
        for code, level in enumerate(column.levels):
            mine = value == code
            n = int(mine.sum())
            if n < GROUP_ROWS:
                continue
            y, said = rows.y[mine], p[mine]
            found.append({
                "feature": column.code, "group": level, "n": n, "positives": int(y.sum()), "rate": float(y.mean()),
                "rate_interval": calibration.rate_interval(int(y.sum()), n), "said": float(said.mean()),
                "auc": calibration.auc(y, said), "auc_interval": calibration.auc_interval(y, said),
            })  # fmt: skip
    return found


def faithfulness(model: Model, x: np.ndarray) -> dict[str, Any]:
    """Do explanations say what the model does? Parts against the score, and against taking a feature away.

    gap      largest difference of the log-odds and the sum of its parts
    ablated  share of rows in which neutralising the feature with the largest part changes the score more than
             neutralising the one with the smallest
    """
    x = _some(x)
    contributions = model.contributions(x)
    gap = float(np.abs(model.start(None, len(x)) + contributions.sum(axis=1) - model.main(x)).max())
    used = [one.position for one in model.inputs if one.position < x.shape[1]]
    if len(used) < 2:
        return {"method": "exact parts", "gap": gap, "ablated": None, "rows": len(x)}
    parts, before = np.abs(contributions[:, used]), model.main(x)
    moved = np.empty_like(parts)
    for number, position in enumerate(used):
        other = x.copy()
        other[:, position] = np.nan
        moved[:, number] = np.abs(model.main(other) - before)
    row = np.arange(len(x))
    held = moved[row, parts.argmax(axis=1)] >= moved[row, parts.argmin(axis=1)]
    return {"method": "exact parts", "gap": gap, "ablated": float(held.mean()), "rows": len(x)}


def without_each(model: Model, rows: Rows) -> list[dict[str, Any]]:
    """What the ranking is worth on these rows when a feature is suddenly not known: the five that hurt most."""
    some = rows.some(np.random.default_rng(0).permutation(len(rows.y))[:STUDIED_ROWS])
    whole = calibration.auc(some.y, model.probability(some.x))
    found: list[dict[str, Any]] = []
    for one in model.inputs:
        x = some.x.copy()
        x[:, one.position] = np.nan
        auc = calibration.auc(some.y, model.probability(x))
        if auc is not None and whole is not None:
            found.append({"feature": one.column.code, "auc": auc, "lost": whole - auc})
    return sorted(found, key=lambda each: -float(each["lost"]))[:5]


def limits(
    rows: Rows, model: Model, found: calibration.Scores, after: calibration.Scores | None, walk: Walk | None
) -> list[str]:
    """What the numbers say against the model, in words."""
    said = ["It knows what went together, not what caused what; on clients unlike those it saw it is a guess."]
    if found.auc is None or found.auc < CLEAR_AUC:
        said.append("It cannot tell clients apart: its ranking is no better than chance.")
    if after is not None and after.auc is not None and found.auc is not None and after.auc < found.auc - 0.05:
        said.append(
            f"It ages: on later rows it ranks with {after.auc:.3f} where shuffled rows promise {found.auc:.3f}. "
            "Train it again often."
        )
    if after is not None and after.ece > 0.05:
        said.append(f"On later rows its probabilities are off by {after.ece:.3f} on average.")
    if walk is not None and walk.adapts:
        said.append("A model that forgets old rows does clearly better on later ones: train with the newest.")
    if found.positives < FEW_POSITIVES:
        said.append(f"Only {found.positives} successes: intervals are wide.")
    for code, auc in _alone(rows, model).items():
        said.append(f"“{code}” alone ranks with {auc:.3f}: make sure that it is known before the outcome.")
    return said


def _alone(rows: Rows, model: Model) -> Mapping[str, float]:
    """Numbers that nearly give the outcome away by themselves."""
    found = {}
    for one in model.inputs:
        value = rows.x[:, one.position]
        known = ~np.isnan(value)
        if one.column.kind == CATEGORY or known.sum() < GROUP_ROWS:
            continue
        rank = np.argsort(np.argsort(value[known], kind="stable"), kind="stable") / known.sum()
        auc = calibration.auc(rows.y[known], rank)
        if auc is not None and max(auc, 1 - auc) > ALONE:
            found[one.column.code] = max(auc, 1 - auc)
    return found


def _walked(walk: Walk) -> dict[str, Any]:
    ways = {"static": walk.static, "kept": walk.kept, "adapted": walk.adapted}
    scores = {name: calibration.scores(walk.y, p) for name, p in ways.items()}
    told: dict[str, Any] = {
        name: {"auc": one.auc, "ece": one.ece, "log_loss": one.log_loss} for name, one in scores.items()
    }
    return told | {"n": len(walk.y), "half_life": walk.half_life, "chosen": list(walk.chosen), "adapts": walk.adapts}


def _some(x: np.ndarray) -> np.ndarray:
    return x[np.random.default_rng(0).permutation(len(x))[:2_000]]
