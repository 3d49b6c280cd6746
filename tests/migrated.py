"""A PostgreSQL whose tables are made already: kept for each state of the migrations, copied for whoever needs one.

Every run used to spend its first minute on migrating; now one run after a change does. What a first start does to an
empty database is `tests/personalize/test_start.py`'s to prove.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from personalize.start.postgres import THROWAWAY, Postgres
from tests.bare import clean_environment

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".cache" / "migrated"
DATABASE = "migrated"
PARTS = ("data", "password")  # of a server's home
# What decides the tables: migrations, the files that they read, other people's migrations and who they are.
READ = (
    "*/migrations/*.py", "*/*/*.json", "compliance/words/*.*", "compliance/words/*/*.txt", "uv.lock",
    "personalize/settings.py", "personalize/start/postgres.py",
)  # fmt: skip


def server(home: Path, settings: Mapping[str, str]) -> Postgres:
    """A server that was not started yet; its database DATABASE has the tables and what migrations write, no more."""
    made = Postgres(home, settings)
    KEPT.mkdir(parents=True, exist_ok=True)
    with open(KEPT.with_suffix(".lock"), "w") as lock:  # another tree's run may throw this one's tables away
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = _kept()
        for part in PARTS:
            _copy(kept / part, made.home / part, owner=made.run_as)
    return made


def _kept() -> Path:
    """The folder of the stopped server that the others are copied from."""
    found = KEPT / _state()
    if not found.exists():
        for old in KEPT.iterdir():
            shutil.rmtree(old)
        _make(found)
    return found


def _state() -> str:
    """A name for the tables as the files of this tree make them."""
    files = sorted(file for pattern in READ for file in ROOT.glob(pattern))
    parts = (f"{file.relative_to(ROOT)}{hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files)
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:16]


def _make(kept: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="personalize-migrated-", dir="/var/tmp"))
    folder.chmod(0o711)  # the server is another user when we are root
    made = Postgres(folder / "postgres", THROWAWAY)
    try:
        with psycopg.connect(made.start(), autocommit=True) as connection:
            connection.execute(f"create database {DATABASE}")
        env = {**clean_environment(), "DATABASE_URL": made.url(DATABASE), "SECRET_KEY": "migrated" * 8}
        argv = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(argv, cwd=ROOT, env=env, check=True)
        made.stop()
        half = kept.with_suffix(".half")
        for part in PARTS:
            _copy(made.home / part, half / part)
        half.rename(kept)
    finally:
        made.remove()
        shutil.rmtree(folder, ignore_errors=True)


def _copy(found: Path, to: Path, *, owner: Mapping[str, Any] | None = None) -> None:
    """A file or a folder and all in it, the copy being the owner's."""
    to.parent.mkdir(parents=True, exist_ok=True)
    if found.is_dir():
        shutil.copytree(found, to)
    else:
        shutil.copy2(found, to)
    for one in (to, *to.rglob("*")) if owner else ():
        os.chown(one, owner["user"], owner["group"])
