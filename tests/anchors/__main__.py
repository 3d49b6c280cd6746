"""`make report`: every number that decision science must reach, beside its aim and what others reach.

Jobs that have run under the code as it is are not run again. --kept only composes what has run.
"""

import argparse
import json
import os
import sys
import time
from typing import Any

import django

from tests import anchors
from tests.anchors import ROOT, Job, NoData, report

# No job asks a database; settings want to know of one.
SETTINGS = {"DJANGO_SETTINGS_MODULE": "personalize.settings", "DATABASE_URL": "postgres://nobody@127.0.0.1:9/none",
            "SECRET_KEY": "report" * 10, "LOG_LEVEL": "ERROR"}  # fmt: skip
PAGE = ROOT / "docs" / "figures.md"


def main() -> int:
    """Run what is asked for and print the report. Returns 1 when an aim is missed or something did not run."""
    parser = argparse.ArgumentParser(prog="make report", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="shrinks sizes and numbers of seeds")
    parser.add_argument("--kept", action="store_true", help="run nothing")
    parser.add_argument("--minutes", type=float, default=600.0, help="begin no job after so long")
    parser.add_argument("--job", nargs=2, metavar=("PART", "NAME"), help="run one job and print its answer as JSON")
    parser.add_argument("parts", nargs="*", help="run only these; the report holds all")
    options = parser.parse_args()
    os.environ.update(SETTINGS)
    django.setup()
    known = anchors.parts()
    if options.job:
        part, name = options.job
        found = answer(next(job for job in known[part].jobs(options.scale) if job.name == name))
        print(json.dumps(found, default=lambda number: number.item()))  # numpy's own numbers
        return 0
    if unknown := set(options.parts) - set(known):
        print(f"No such part: {', '.join(sorted(unknown))}. There are: {', '.join(sorted(known))}.")
        return 2
    jobs = {job.name: (part, job) for part, module in sorted(known.items()) for job in module.jobs(options.scale)}
    if not options.kept:
        go(jobs, options)
    kept = report.newest(job for _, job in jobs.values())
    lines = report.lines(kept, options.scale)
    print(report.text(lines))
    if options.scale >= 1:
        PAGE.write_text(report.markdown(lines, kept))
        print(f"\nwritten to {PAGE.relative_to(ROOT)}")
    return 0 if all(one.met is not False for one in lines) else 1


def go(jobs: dict[str, tuple[str, Job]], options: argparse.Namespace) -> None:
    """Run the jobs whose answer is not known under this code."""
    begun, kept = time.monotonic(), report.newest(job for _, job in jobs.values())
    for name, (part, job) in jobs.items():
        if (name in kept and not kept[name].is_old) or (options.parts and part not in options.parts):
            continue
        if time.monotonic() - begun > 60 * options.minutes:
            print(f"  {options.minutes:g} minutes are over; the same command goes on from here.", flush=True)
            return
        at = time.monotonic()
        wrong = report.run(job, part=part, scale=options.scale)
        print(f"{'✗' if wrong else '✓'} {name:<40} {time.monotonic() - at:7.1f} s {wrong}", flush=True)


def answer(job: Job) -> dict[str, Any]:
    """What a job finds, or which file it misses."""
    try:
        return {"found": job.run()}
    except NoData as missing:
        return {"found": {}, "missing": str(missing)}


if __name__ == "__main__":
    sys.exit(main())
