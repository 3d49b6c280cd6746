"""Make the environment that everything else runs in. Standard library only; any Python from 3.11 on.

`python3 bootstrap.py` makes .venv from uv.lock when it is missing or the lock changed; otherwise it takes milliseconds.
`python3 bootstrap.py dev bench` adds what tests and linters need, and the peers that benchmarks compare with.
`python3 bootstrap.py clean` stops what runs here and removes .venv, the data folder and everything that was built.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV, TOOL = ROOT / ".venv", ROOT / ".uv"
STAMP = VENV / "made-from"
UV = "uv>=0.9,<1"
BUILT = (".venv", ".uv", ".cache", "static-built", "bench.json", ".pytest_cache", ".ruff_cache", ".mypy_cache")
MORE = (".hypothesis", ".import_linter_cache")
NETWORK = (
    "The package registry must be reachable. Behind a proxy set HTTPS_PROXY; for a mirror set PIP_INDEX_URL and "
    "UV_DEFAULT_INDEX. Then run the same command again: what was fetched is kept."
)


class Failed(Exception):
    """A step did not work; the message says what happened and how to mend it."""


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Show a step and its seconds."""
    begun = time.monotonic()
    print(f"  {title} …", flush=True)
    try:
        yield
    except BaseException:
        print(f"✗ {title:<28} failed after {time.monotonic() - begun:.1f} s", flush=True)
        raise
    print(f"✓ {title:<28} {time.monotonic() - begun:5.1f} s", flush=True)


def wanted() -> str:
    """What .venv must have been made from: the lock and this Python."""
    lock = hashlib.sha256((ROOT / "uv.lock").read_bytes()).hexdigest()
    return f"{lock} {sys.version_info.major}.{sys.version_info.minor} {ROOT}"


def make(*groups: str) -> None:
    """Make .venv unless it fits the lock already; then add the lock's `groups` to it."""
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs this may have an older one
        have = ".".join(map(str, sys.version_info[:3]))
        raise Failed(f"Python 3.11 or newer is needed; this is {have}. Choose another: make run PYTHON=python3.12")
    TOOL.mkdir(exist_ok=True)
    with open(TOOL / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two `make` at once: the second finds it made
        _sync_unless(STAMP, "locked packages")
        for group in groups:
            _sync_unless(
                STAMP.with_name(f"{STAMP.name}-{group}"), f"locked packages: {group}", "--inexact", "--group", group
            )


def _sync_unless(stamp: Path, title: str, *options: str) -> None:
    """Make .venv what uv.lock says, unless `stamp` tells that it was made so from this very lock."""
    if stamp.exists() and stamp.read_text() == wanted():
        return
    with step("installer (uv)"):
        uv = installer()
    with step(title):
        sync(uv, *options)
    stamp.write_text(wanted())


def installer() -> str:
    """The path of uv: fetched into .uv by pip, or by a pip of our own, or the one on the path."""
    mine = TOOL / "bin" / "uv"
    if mine.exists():
        return str(mine)
    python = sys.executable
    if run(python, "-m", "pip", "--version", quiet=True):
        with contextlib.suppress(OSError):
            shutil.rmtree(TOOL / "pip", ignore_errors=True)
        if not run(python, "-m", "venv", str(TOOL / "pip"), quiet=True):
            python = str(TOOL / "pip" / "bin" / "python")
        elif on_path := shutil.which("uv"):
            return on_path
        else:
            raise Failed(
                "This Python has neither pip nor venv. Install them (Debian, Ubuntu: apt-get install python3-venv) "
                "or uv, or choose another Python: make run PYTHON=/path/to/python3"
            )
    options = (
        "--quiet",
        "--disable-pip-version-check",
        "--no-warn-script-location",
        "--upgrade",
        "--root-user-action=ignore",
    )
    if run(python, "-m", "pip", "install", *options, "--target", str(TOOL), UV):
        raise Failed(f"pip could not fetch {UV}. {NETWORK}")
    return str(mine)


def sync(uv: str, *options: str) -> None:
    """Make .venv hold exactly what uv.lock names, compiled. options: more of uv's own."""
    env = {"UV_COMPILE_BYTECODE": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_PROJECT_ENVIRONMENT": str(VENV)}
    argv = (uv, "sync", "--quiet", "--frozen", "--python", sys.executable, *options)
    # The second try trusts the system's certificates, for firms whose proxy re-signs what it passes.
    if run(*argv, quiet=True, **env) and run(*argv, **env, UV_SYSTEM_CERTS="1", UV_NATIVE_TLS="1"):
        raise Failed(f"uv could not install what uv.lock names. {NETWORK}")


def run(*argv: str, quiet: bool = False, **env: str) -> int:
    """Run a program here; its exit code."""
    hidden = subprocess.DEVNULL if quiet else None
    clean = {
        name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
    }
    return subprocess.run(argv, cwd=ROOT, env={**clean, **env}, stdout=hidden, stderr=hidden, check=False).returncode


def clean() -> None:
    """Stop the firm that runs on the data folder, then remove what was made here."""
    data = Path(os.environ.get("DATA") or ROOT / ".data").absolute()
    stop(data)
    ours = (data / "up.pid").exists() or (data / "keys").exists()
    if data.exists() and not ours:
        print(f"{data} was not made by `make run`; it is left alone.")
    doomed = [ROOT / name for name in (*BUILT, *MORE)] + ([data] if ours else [])
    postgres = data / "postgres"
    if ours and postgres.is_symlink():
        doomed.append(postgres.resolve())
    for path in doomed:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for folder in ROOT.rglob("__pycache__"):
        shutil.rmtree(folder, ignore_errors=True)


def stop(data: Path) -> None:
    """End `up` and, if `up` was killed, the database that outlived it."""
    if (data / "up.pid").exists():
        with open(data / "up.pid") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = int(lock.read().strip())
                with step(f"stopping process {pid}"):
                    os.kill(pid, signal.SIGTERM)
                    fcntl.flock(lock, fcntl.LOCK_EX)  # it lets go when everything has ended
    if (data / "postgres" / "data" / "postmaster.pid").exists():
        sys.path.insert(0, str(ROOT))
        from personalize.start.postgres import Postgres

        with step("stopping the database"):
            Postgres(data / "postgres").stop()


def main() -> int:
    """Make or clean. Returns the exit code."""
    try:
        if sys.argv[1:] == ["clean"]:
            clean()
        elif set(sys.argv[1:]) <= {"dev", "bench"}:
            make(*sys.argv[1:])
        else:
            print(__doc__)
            return 2
    except Failed as failed:
        print(f"\n{failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
