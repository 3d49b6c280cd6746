"""What every run of every benchmark found, a JSON line each, so that a slow-down is seen: bench-history.jsonl."""

import json
import platform
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

PATH = Path(__file__).resolve().parent.parent.parent / "bench-history.jsonl"
LAST = 10  # runs of the same name and scale that a new one is compared with
WORSE = 1.25  # times the median, from which on it is told
KEPT = ("name", "ratio", "spread", "target", "met", "seconds", "peak_mb", "error")
SMALLER_IS_BETTER = ("decide_batch", "decide_assemble", "ingest")  # ratios to a floor, or costs


def kept(results: list[dict[str, Any]], *, at: int, scale: float, cores: int, path: Path = PATH) -> list[str]:
    """Add a line for each result; what is to be said of those that are clearly worse than they used to be."""
    before, told = read(path), []
    common = {"at": at, "scale": scale, "cores": cores, "machine": platform.machine(), "commit": _commit()}
    with path.open("a") as lines:
        for one in results:
            row = common | {name: one[name] for name in KEPT if name in one}
            lines.write(json.dumps(row, sort_keys=True) + "\n")
            if said := slower(row, before):
                told.append(said)
    return told


def add(row: dict[str, Any], *, path: Path = PATH) -> None:
    """Add one line of another kind than a benchmark's: what, and with what, when and at which commit."""
    kept = {"at": int(time.time()), "machine": platform.machine(), "commit": _commit(), **row}
    with path.open("a") as lines:
        lines.write(json.dumps(kept, sort_keys=True) + "\n")


def read(path: Path = PATH) -> list[dict[str, Any]]:
    """Every line so far, oldest first; a line that was cut short is left out."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def slower(row: dict[str, Any], before: list[dict[str, Any]]) -> str:
    """A sentence when this run's ratio is clearly worse than the median of the last ones of its kind; else empty."""
    alike = [one["ratio"] for one in before
             if (one.get("name"), one.get("scale"), one.get("cores")) == (row["name"], row["scale"], row["cores"])
             and isinstance(one.get("ratio"), int | float)][-LAST:]  # fmt: skip
    if len(alike) < 2 or not isinstance(row.get("ratio"), int | float) or not row["ratio"]:
        return ""
    usual = statistics.median(alike)
    times = row["ratio"] / usual if row["name"] in SMALLER_IS_BETTER else usual / row["ratio"]
    if times < WORSE:
        return ""
    return f"{row['name']}: ratio {row['ratio']:g}, {times:.2f} times worse than the usual {usual:g}"


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=PATH.parent, capture_output=True, text=True,
                          check=False)  # fmt: skip
    return done.stdout.strip()
