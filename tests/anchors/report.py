"""The report: what ran is kept as a line of the benches' history, so that a run that was cut goes on where it was."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from personalize.start.programs import ONE_CORE
from tests import anchors
from tests.anchors import ROOT, Job, Line
from tests.bench import history

KIND = "report: "  # before a job's name, where benches have theirs
HEAD = ("", "what", "found", "aim", "others")
SIGNS = {True: "✓", False: "✗", None: "·"}


@dataclass(frozen=True, slots=True)
class Kept:
    """One job's newest answer. is_old  the code that it depends on has changed since · missing  why there is none"""

    found: dict[str, Any]
    seconds: float
    commit: str
    is_old: bool = False
    missing: str = ""


def newest(jobs: Iterable[Job], *, path: Path = history.PATH) -> dict[str, Kept]:
    """What is kept of these jobs, by name."""
    rows = {row["name"]: row for row in history.read(path) if str(row.get("name", "")).startswith(KIND)}
    kept = {}
    for job in jobs:
        row = rows.get(KIND + job.name)
        if row is not None:
            is_old = row["source"] != source(job)
            kept[job.name] = Kept(row["found"], row["seconds"], row["commit"], is_old, row.get("missing", ""))
    return kept


def source(job: Job) -> str:
    """A hash of the code that a job's answer depends on."""
    found = hashlib.sha256()
    for name in sorted(job.reads):
        path = ROOT / name
        for one in [path] if path.is_file() else sorted(path.rglob("*.py")):
            found.update(one.relative_to(ROOT).as_posix().encode() + b"\0" + one.read_bytes())
    return found.hexdigest()[:16]


def run(job: Job, *, part: str, scale: float) -> str:
    """Run one job in a process of its own and keep its answer; what went wrong, or ""."""
    argv = [sys.executable, "-m", "tests.anchors", "--scale", str(scale), "--job", part, job.name]
    begun = time.monotonic()
    done = subprocess.run(argv, cwd=ROOT, env={**os.environ, **ONE_CORE}, capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout.strip():
        return done.stderr.strip()[-1000:] or f"it ended with {done.returncode}"
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    history.add({"name": KIND + job.name, "source": source(job), "seconds": round(time.monotonic() - begun, 1),
                 "cores": os.cpu_count(), **answer})  # fmt: skip
    return ""


def lines(kept: dict[str, Kept], scale: float) -> list[Line]:
    """Every line that the kept answers add up to; a part that nothing is known of says so in one line."""
    out: list[Line] = []
    for name, part in sorted(anchors.parts().items()):
        jobs = part.jobs(scale)
        mine = {job.name: kept[job.name] for job in jobs if job.name in kept}
        known = {job: one.found for job, one in mine.items() if not one.missing}
        found = part.lines(known) if known else []
        gone = sorted({one.missing for one in mine.values() if one.missing})
        missing = [job.name for job in jobs if job.name not in mine]
        if gone:
            said = f"Not beside this checkout: {', '.join(gone)}."
            out.append(Line(name, "not measured", "–", "–", "–", False, said))
        if missing:
            said = f"{len(missing)} of {len(jobs)} have not run: {', '.join(missing[:6])}."
            out.append(Line(name, "not measured", "–", "–", "–", False, said))
        out += found
    return out


def text(all_lines: list[Line]) -> str:
    """The report for a terminal, a part at a time; a line's remark stands under it."""
    shown = [HEAD, *((SIGNS[one.met], one.measure, one.found, one.aim, one.anchor) for one in all_lines)]
    wide = [max(len(row[column]) for row in shown) for column in range(len(HEAD))]
    out, last = [], None
    for row, one in zip(shown, [None, *all_lines], strict=True):
        if one is not None and one.part != last:
            last = one.part
            out.append(f"\n{last}")
        out.append("  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip())
        if one is not None and one.why:
            out.append(f"   {one.why}")
    return "\n".join(out)


def markdown(all_lines: list[Line], kept: dict[str, Kept]) -> str:
    """The report as a page."""
    aims = [one for one in all_lines if one.met is not None]
    old = sum(one.is_old for one in kept.values())
    out = [
        "# What decision science reaches here", "",
        "Made by `make report`, not by hand. ✓ reached, ✗ missed (the remark says by how much), · told without an aim.",
        "Quality is seeded and repeats; speeds are CPU time of one thread on the machine of the run. What others reach",
        "is quoted from elsewhere or, where it says “here”, was run beside ours.", "",
        f"{sum(one.met is True for one in aims)} of {len(aims)} aims reached; {len(kept)} jobs took "
        f"{sum(one.seconds for one in kept.values()) / 60:.0f} minutes."
        + (f" {old} of them ran before the code that they depend on changed last." if old else ""),
    ]  # fmt: skip
    last = None
    for one in all_lines:
        if one.part != last:
            last = one.part
            out += ["", f"## {last[0].upper()}{last[1:]}", "", "| | what | found | aim | others | remark |",
                    "|---|---|---|---|---|---|"]  # fmt: skip
        cells = (SIGNS[one.met], one.measure, one.found, one.aim, one.anchor, one.why)
        out.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(out) + "\n"
