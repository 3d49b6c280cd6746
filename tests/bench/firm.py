"""firm: simulated firms of several kinds and sizes under our engine, a segmented campaign and Vowpal Wabbit."""

import json
import math
import multiprocessing
import os
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import firm_world
from tests.bench.firm_world import KINDS, Driven, Oracle, Segmented, Sums, Uniform, World
from tests.bench.policy_adaptor import Engine
from tests.bench.vw import Wabbit

ROOT = Path(__file__).resolve().parent.parent.parent
DAYS, SEEDS = 90, 5
CASES = (("medium", 300), ("medium", 1_000), ("medium", 10_000), ("low", 10_000), ("high", 10_000), ("odd", 3_000),
         ("plain", 3_000), ("medium", 40_000))  # fmt: skip
MOST_FOR_WABBIT = 4_000  # clients; it decides some 3,000 times a second
T_95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}  # Student's t, 97.5 %, n - 1 degrees
AIMS = {"engagement": 0.30, "value": 0.45, "value, last 30 days": 0.60}


def bench(scale: float) -> dict[str, Any]:
    """Gaps closed with intervals over the seeds; scale shortens the list of sizes and seeds, never the 90 days."""
    seeds = max(2, round(SEEDS * min(1.0, scale * 2)))
    cases = [(kind, n) for kind, n in CASES if n <= max(1_000, 40_000 * scale)]
    asked = [(kind, n, seed) for kind, n in cases for seed in range(1, seeds + 1 if n <= 10_000 else 2)]
    with multiprocessing.get_context("fork").Pool(min(2, os.cpu_count() or 1)) as pool:
        found = pool.starmap(_one, asked, chunksize=1)
    table = []
    for kind, n in cases:
        runs = [one for ask, one in zip(asked, found, strict=True) if ask[:2] == (kind, n)]
        table.append(_row(kind, n, runs))
    (ROOT / "firm.json").write_text(json.dumps({"days": DAYS, "seeds": seeds, "rows": table}, indent=1) + "\n")
    middle = next((row for row in table if row["clients"] == 10_000 and row["kind"] == "medium"), table[-1])
    who = {name: "value" if "value" in name else "engagement, content only" for name in AIMS}
    gaps = {name: middle["policies"][who[name]][name][0] for name in AIMS}
    return {
        "name": "firm",
        "ratio": round(gaps["value"], 3),
        "spread": middle["policies"]["value"]["value"],
        "target": f"gap closed: {AIMS}; largest weight < 10",
        "met": all(gaps[name] >= aim for name, aim in AIMS.items()) and max(one["largest"] for one in found) < 10,
        "gaps": gaps,
        "largest_weight": max(one["largest"] for one in found),
        "table": _markdown(table),
    }


def _one(kind: str, n: int, seed: int) -> dict[str, Any]:
    """All policies on one firm."""
    os.environ["OMP_NUM_THREADS"] = "1"
    made: dict[str, Any] = {}

    def engine(world: World, objective: str, cadence: bool) -> Driven:
        driven = Driven(Engine(levels=world.levels, n_clients=n, seed=seed, objective=objective, cadence=cadence))
        made[f"{objective} {cadence}"] = driven.engine
        return driven

    policies = {
        "segmented": lambda world: Segmented(world, seed),
        "uniform": lambda world: Uniform(world, seed),
        "engagement, content only": lambda world: engine(world, "engagement", False),
        "engagement": lambda world: engine(world, "engagement", True),
        "value, content only": lambda world: engine(world, "value", False),
        "value": lambda world: engine(world, "value", True),
        "oracle of engagement": lambda _: Oracle("engagement"),
        "oracle of value": lambda _: Oracle("value"),
    }
    if n <= MOST_FOR_WABBIT and kind == "medium":
        policies["Vowpal Wabbit"] = lambda world: Wabbit(
            world.levels, seed=seed, scale=(world.x.mean(axis=0), world.x.std(axis=0))
        )
    sums: dict[str, Sums] = {}
    for name, policy in policies.items():
        world = World(KINDS[kind], clients=n, seed=seed)
        sums[name] = firm_world.run(world, policy(world), days=DAYS)
    return {
        "largest": max(one.largest() for one in made.values()),
        "policies": {name: _figures(one, sums) for name, one in sums.items()},
    }


def _figures(one: Sums, sums: dict[str, Sums]) -> dict[str, float]:
    """Shares of the gap between the segmented campaign and the oracle; rates and totals side by side."""
    whole, base = one.total(), sums["segmented"].total()
    figures = {
        "opens v segmented": (whole["opens"] / whole["sends"]) / (base["opens"] / base["sends"]) - 1,
        "accesses v segmented": (whole["accesses"] / whole["sends"]) / (base["accesses"] / base["sends"]) - 1,
        "all opens v segmented": whole["opens"] / base["opens"] - 1,
        "all accesses v segmented": whole["accesses"] / base["accesses"] - 1,
        "mails v segmented": whole["sends"] / base["sends"] - 1,
        "opt-outs per 1,000": 1000 * whole["unsub"] / whole["sends"],
        "quality": whole["good"] / whole["accesses"],
        "urgent": whole["urgent"] / whole["sends"],
    }
    for measure in ("engagement", "value"):
        for name, last in ((measure, None), (f"{measure}, last 30 days", 30)):
            low, high = (sums[who].total(last)[measure] for who in ("segmented", f"oracle of {measure}"))
            figures[name] = (one.total(last)[measure] - low) / (high - low)
    return figures


def _row(kind: str, n: int, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """For every policy and figure its mean, the half-width of a 95 % interval, and the least over the seeds."""
    policies: dict[str, dict[str, list[float]]] = {}
    for name in runs[0]["policies"]:
        each = {
            figure: np.array([run["policies"][name][figure] for run in runs]) for figure in runs[0]["policies"][name]
        }
        policies[name] = {
            figure: [
                round(float(all_.mean()), 3),
                round(T_95[len(all_)] * float(all_.std(ddof=1)) / math.sqrt(len(all_)), 3)
                if len(all_) > 1
                else math.nan,
                round(float(all_.min()), 3),
            ]
            for figure, all_ in each.items()
        }
    return {"kind": kind, "clients": n, "seeds": len(runs), "policies": policies}


def _markdown(table: list[dict[str, Any]]) -> str:
    head = ("firm", "clients", "policy", "engagement gap", "value gap", "last 30 days", "opens", "accesses", "mails")
    lines = ["| " + " | ".join((*head, "opt-outs", "quality", "urgent")) + " |", "|---" * 12 + "|"]
    for row in table:
        for name, figures in row["policies"].items():
            gaps = [
                f"{figures[one][0]:.1%} ± {figures[one][1]:.1%}"
                for one in ("engagement", "value", "value, last 30 days")
            ]
            rates = ("opens v segmented", "accesses v segmented", "mails v segmented")
            rest = [f"{figures[one][0]:+.1%}" for one in rates]
            rest.append(f"{figures['opt-outs per 1,000'][0]:.2f}")
            rest.append(f"{figures['quality'][0]:.3f}")
            rest.append(f"{figures['urgent'][0]:.0%}")
            lines.append(f"| {row['kind']} | {row['clients']:,} | {name} | " + " | ".join(gaps + rest) + " |")
    return "\n".join(lines)
