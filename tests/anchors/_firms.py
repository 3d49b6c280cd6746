"""One simulated firm under our engine, a segmented campaign, oracles and Vowpal Wabbit: what each comes to."""

from collections.abc import Callable
from typing import Any

from threadpoolctl import threadpool_limits

from tests.bench import firm_world
from tests.bench.firm_world import KINDS, Driven, Oracle, Segmented, Sums, Uniform, World
from tests.bench.policy_adaptor import Engine
from tests.bench.vw import Wabbit

DAYS = 90
ENGAGEMENT, PACED, VALUE = "engagement, content only", "engagement", "value"
OURS = {ENGAGEMENT: ("engagement", False), PACED: ("engagement", True), VALUE: ("value", True)}


def firm(kind: str, n: int, seed: int) -> dict[str, Any]:
    """All of our policies and the campaigns that they are compared with, on one firm."""
    engines: list[Engine] = []

    def ours(objective: str, cadence: bool) -> Callable[[World], Driven]:
        def made(world: World) -> Driven:
            engines.append(Engine(levels=world.levels, n_clients=n, seed=seed, objective=objective, cadence=cadence))
            return Driven(engines[-1])

        return made

    sums = _run(kind, n, seed, {name: ours(*how) for name, how in OURS.items()})
    return {
        "largest": max(one.largest() for one in engines),
        "policies": {name: figures(one, sums) for name, one in sums.items()},
    }


def wabbit(n: int) -> dict[str, Any]:
    """Vowpal Wabbit on the medium firm of seed 1."""

    def made(world: World) -> Wabbit:
        return Wabbit(world.levels, seed=1, scale=(world.x.mean(axis=0), world.x.std(axis=0)))

    sums = _run("medium", n, 1, {"Vowpal Wabbit": made})
    return figures(sums["Vowpal Wabbit"], sums)


def _run(kind: str, n: int, seed: int, policies: dict[str, Callable[[World], Any]]) -> dict[str, Sums]:
    every: dict[str, Callable[[World], Any]] = {
        "segmented": lambda world: Segmented(world, seed),
        "uniform": lambda world: Uniform(world, seed),
        "oracle of engagement": lambda _: Oracle("engagement"),
        "oracle of value": lambda _: Oracle("value"),
        **policies,
    }
    sums = {}
    with threadpool_limits(1):
        for name, policy in every.items():
            world = World(KINDS[kind], clients=n, seed=seed)
            sums[name] = firm_world.run(world, policy(world), days=DAYS)
    return sums


def figures(one: Sums, sums: dict[str, Sums]) -> dict[str, float]:
    """Shares of the gap between the segmented campaign and the oracle; rates and totals side by side."""
    whole, base = one.total(), sums["segmented"].total()
    told = {
        "all opens": whole["opens"] / base["opens"] - 1,
        "all accesses": whole["accesses"] / base["accesses"] - 1,
        "mails": whole["sends"] / base["sends"] - 1,
        "opt-outs": 1000 * whole["unsub"] / whole["sends"],
        "quality": whole["good"] / whole["accesses"],
        "urgent": whole["urgent"] / whole["sends"],
    }
    for late, last in (("", None), (", last 30 days", 30)):
        mine, theirs = one.total(last), sums["segmented"].total(last)
        for rate in ("opens", "accesses"):
            told[rate + late] = (mine[rate] / mine["sends"]) / (theirs[rate] / theirs["sends"]) - 1
        for measure in ("engagement", "value"):
            best = sums[f"oracle of {measure}"].total(last)[measure]
            told[measure + late] = (mine[measure] - theirs[measure]) / (best - theirs[measure])
    return told
