"""`make bench`: all benchmarks or those named, each in a process of its own; writes bench.json."""

import argparse
import json
import os
import pkgutil
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from personalize.start.postgres import Postgres
from tests import bench
from tests.bare import clean_environment
from tests.bench import history

ROOT = Path(__file__).resolve().parent.parent.parent
# In a source file, so that listing needs no Django: which modules of this folder are benchmarks.
MARK = "def bench("


def names() -> list[str]:
    """The benchmarks there are."""
    found = (one.name for one in pkgutil.iter_modules(bench.__path__) if not one.name.startswith("_"))
    return [name for name in found if MARK in (Path(__file__).parent / f"{name}.py").read_text()]


def main() -> int:
    """Run them on a server with durable settings. Returns 1 when one failed or missed its target at full scale."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    options.names = [one.replace("-", "_") for one in options.names]
    if unknown := set(options.names) - set(names()):
        print(f"No such benchmark: {', '.join(sorted(unknown))}. There are: {', '.join(names())}.")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="personalize-bench-", dir="/var/tmp"))
    folder.chmod(0o711)
    server = Postgres(folder / "postgres", {"shared_buffers": "512MB"})
    try:
        env = {**clean_environment(), "DATABASE_URL": server.start(), "SECRET_KEY": "bench" * 12, "LOG_LEVEL": "ERROR"}
        results = [run(name, scale=options.scale, env=env) for name in options.names or names()]
    finally:
        server.remove()
        shutil.rmtree(folder, ignore_errors=True)
    written = {"at": int(time.time()), "cores": os.cpu_count(), "scale": options.scale, "results": results}
    (ROOT / "bench.json").write_text(json.dumps(written, indent=1) + "\n")
    print("written to bench.json")
    for line in history.kept(results, at=written["at"], scale=options.scale, cores=os.cpu_count() or 1):
        print(line)
    return 0 if all(one.get("met") or (options.scale < 1 and "error" not in one) for one in results) else 1


def run(name: str, *, scale: float, env: dict[str, str]) -> dict[str, Any]:
    """One benchmark's answer, also on the terminal."""
    argv = [sys.executable, "manage.py", "bench", name, "--scale", str(scale)]
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode > 1 or not done.stdout.strip():
        print(f"✗ {name:<20} {done.stderr.strip()[-2000:]}", flush=True)
        return {"name": name, "error": done.stderr.strip()[-2000:]}
    found = json.loads(done.stdout.strip().splitlines()[-1])  # what a benchmark itself prints stands before it
    sign = "✓" if found.get("met") else "✗"
    shown = ", ".join(f"{part} {found.get(part)}" for part in ("ratio", "target", "spread"))
    print(f"{sign} {name:<20} {shown}", flush=True)
    if table := found.pop("table", ""):
        print(table, flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
