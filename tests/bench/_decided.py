"""What both benchmarks of decisions need: a firm with a learned policy, and COPY of the same rows as a floor."""

import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from django.db import connection

from campaigns import plans, runs
from campaigns.bulk.rows import COLUMNS
from campaigns.learning import scope
from campaigns.models import Campaign, Run
from compliance import roles
from compliance.models import Role
from personalize import features, profiles, training
from personalize.decide import snapshottext
from personalize.decide.funnel import SCALES, Heads, Reward, Scale, Weights
from personalize.decide.snapshot import CONTEXT, Snapshot
from personalize.learn import renewal
from personalize.models import Artefact
from personalize.training import Fitted
from tests.bench import population
from tests.campaigns.decided import said
from tests.campaigns.world import OBJECTIVE, World
from tests.models import let_live
from tests.people import reviewer

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
FEATURES, CANDIDATES, PAIRS = 40, 20, 5
TICKS = os.sysconf("SC_CLK_TCK")
OUT = (
    "copy (select gen_random_uuid(), {run}::bigint, {rest} from campaigns_message "
    "where run_id = {ours} and client_id = any(array[{ids}])) to stdout (format binary)"
)
INTO = f"copy campaigns_message ({', '.join(COLUMNS)}) from stdin (format binary)"


def launched(n: int) -> Run:
    """A run over n clients of a campaign with 20 bodies, under a live learned policy over 40 features."""
    roles.ensure()
    features.ensure_core(AT)
    for number in range(FEATURES - len(features.usable(features.registry()))):
        spec = {"events": f"Thing {number}", "days": 30}
        features.register(f"thing_{number}", spec, meaning=f"Thing {number}", client_words="you did a thing", at=AT)
    population.add(n, prefix="decided", at=AT)
    profiles.refresh(at=AT)
    world = World(AT, *(roles.hire(one, one, "x" * 12) for one in (Role.MARKETER, Role.EDITOR)))
    world.policy()
    bodies = [
        world.block(f"body-{one}", slot="body", body=f"Here is how your plan works, step by step, told in way {one}.")
        for one in range(CANDIDATES)
    ]
    last = [world.block("hello"), world.block("plain"), world.block("read")]
    campaign = plans.draft(
        slug="decided", name="Decided", use_case="onboarding", success_metric="Module Completed", objective=OBJECTIVE,
        share_control=0.05, share_holdout=0.05, by=world.marketer, at=AT,
        candidates=[*((one, False, {}) for one in bodies), *((one, True, {}) for one in last)],
    )  # fmt: skip
    live_policy(campaign, world)
    run = runs.launch(campaign, by=world.marketer, at=AT)
    assert run.policy == "bandit-1", run.policy
    return run


def live_policy(campaign: Campaign, world: World, *, at: datetime = AT) -> Artefact:
    """A learned policy with made-up weights, registered and live."""
    officer, rng = reviewer("officer", Role.OFFICER), np.random.default_rng(1)
    read = features.registry()
    usable = [read[one] for one in features.usable(read)]
    x = profiles.table(np.arange(1, 2_001), at=at).x
    x = np.where(np.isfinite(x), x, rng.integers(0, 3, x.shape))  # so that every feature is read
    inputs = renewal.inputs_of(x, features.columns(tuple(usable)), [one.position for one in usable])
    slots = ("subject", "body", "call_to_action")
    levels = tuple(
        (slots.index(one.version.block.slot), one.version.digest)
        for one in campaign.candidates.select_related("version__block").order_by("pk")
    )
    wide = 1 + sum(one.width for one in inputs) + len(CONTEXT)

    def weights(start: float) -> Weights:
        base = 0.05 * rng.normal(size=wide)
        base[0] = start
        return Weights(base, 0.05 * rng.normal(size=(wide, len(levels))), np.zeros((len(slots), len(SCALES))))

    heads = Heads(weights(-1.0), weights(-2.0), weights(-6.0), weights(0.2), 1.15)
    made = Snapshot(
        inputs, slots, levels, Scale(np.zeros(wide - 1, np.float32), np.ones(wide - 1, np.float32)), heads, Reward(),
        "0" * 64, False, 50_000, 0.1, 0.1, "individual", {}, "0" * 64,
    )  # fmt: skip
    card = {
        **said(),
        "rows": 50_000,
        "positives": 9_000,
        "phase": "individual",
        "root": "bench",
        "campaign_id": campaign.pk,
    }
    artefact = training.register(
        scope.name(campaign), Fitted(snapshottext.dump(made), snapshottext.METHOD, features.version(), card),
        by="system:bench", at=at,
    )  # fmt: skip
    return let_live(artefact, owner=world.marketer, officer=officer, at=at)


def compare(run: Run, ours: Callable[[int], int], chunks: list[tuple[int, list[int]]], folder: Path) -> dict[str, Any]:
    """Ours and the COPY of the same finished rows in turns: seconds, CPU of this process and of PostgreSQL, and ratios.

    ours  does one chunk, by its key · chunks  (key, its clients)
    """
    floor = Run.objects.get(pk=run.pk)
    floor.pk, floor.number = None, run.number + 1
    floor.save(force_insert=True)
    seconds: dict[str, list[float]] = {"ours": [], "floor": []}
    cpu: dict[str, list[float]] = {"ours": [0.0, 0.0], "floor": [0.0, 0.0]}
    ours(chunks.pop(0)[0])  # warms everything up
    chunks, kept = list(chunks), folder / "rows"
    for turn in np.array_split(np.arange(len(chunks)), PAIRS):
        with _Timed(seconds["ours"], cpu["ours"]):
            for number in turn:
                ours(chunks[number][0])
        pieces = [_out(run, floor, chunks[number][1], kept / str(number)) for number in turn]
        timed: list[float] = []
        for piece in pieces:
            ready = piece.read_bytes()
            with _Timed(timed, cpu["floor"]), connection.cursor() as cursor, cursor.copy(INTO) as into:
                into.write(ready)
            piece.unlink()
        seconds["floor"].append(sum(timed))
    ratios = [one / other for one, other in zip(seconds["ours"], seconds["floor"], strict=True)]
    rows = sum(len(one) for _, one in chunks)
    return {
        "ratio": round(statistics.median(ratios), 2),
        "spread": [round(min(ratios), 2), round(max(ratios), 2)],
        "pairs": PAIRS,
        "clients": rows,
        **{f"{who}_seconds": round(sum(found), 2) for who, found in seconds.items()},
        **{f"{who}_client_us": round(1e6 * found[0] / rows, 1) for who, found in cpu.items()},
        **{f"{who}_postgres_us": round(1e6 * found[1] / rows, 1) for who, found in cpu.items()},
        "a_second": round(rows / sum(seconds["ours"])),
    }


class _Timed:
    """Adds the wall time of a block to a list, and CPU of this process and of its PostgreSQL backend to two sums."""

    def __init__(self, seconds: list[float], cpu: list[float]) -> None:
        self.seconds, self.cpu = seconds, cpu

    def __enter__(self) -> None:
        self.before = (time.perf_counter(), time.process_time(), _backend())

    def __exit__(self, *raised: object) -> None:
        wall, client, server = self.before
        self.seconds.append(time.perf_counter() - wall)
        self.cpu[0] += time.process_time() - client
        self.cpu[1] += _backend() - server


def _backend() -> float:
    """CPU seconds of the PostgreSQL process behind this connection."""
    pid = connection.connection.info.backend_pid
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / TICKS


def _out(run: Run, floor: Run, ids: list[int], path: Path) -> Path:
    """The finished rows of these clients as COPY wants them, under the other run, in a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rest = ", ".join(COLUMNS[2:])
    statement = OUT.format(run=floor.pk, ours=run.pk, rest=rest, ids=",".join(map(str, ids)))
    with connection.cursor() as cursor, cursor.copy(statement) as out, path.open("wb") as kept:
        for part in out:
            kept.write(part)
    return path
