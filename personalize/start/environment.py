"""What the settings will read: the environment of every process that `up` starts, and of commands run beside it."""

import os
import secrets
import sys
from collections.abc import MutableMapping
from pathlib import Path

from personalize.start import keys

ROOT = Path(__file__).resolve().parent.parent.parent
FILE = "environment"  # in the data folder: what a command needs to join the running firm
OWNER_FILE = "owner"  # in the data folder: the login that owns the tables, for the commands that change them
OWNERS = frozenset({"prepare", "migrate"})
# Commands that touch no row, so they run on a machine where nothing was ever started.
WITHOUT_DATABASE = frozenset({"fit", "predict", "route", "help", "check", "makemessages", "collectstatic", ""})


def folder(given: str = "") -> Path:
    """The data folder: as given, else the environment's DATA, else .data beside manage.py."""
    return Path(os.path.abspath(given or os.environ.get("DATA") or ROOT / ".data"))


def complete(environ: MutableMapping[str, str], argv: list[str]) -> None:
    """Fill in what a management command lacks: from the firm that `up` started here, else harmless stand-ins.

    Nothing that is set is replaced. With DATABASE_URL set this is a deployment and nothing is filled in.
    """
    if "DATABASE_URL" in environ or "DATABASE_URL_FILE" in environ:
        return
    command = next((word for word in argv[1:] if not word.startswith("-")), "")
    for file in (FILE, OWNER_FILE) if command in OWNERS else (FILE,):
        for name, value in keys.read(folder() / file).items():
            environ.setdefault(name, value)
    if command in WITHOUT_DATABASE or "--help" in argv or "-h" in argv:
        environ.setdefault("SECRET_KEY", secrets.token_urlsafe(64))
        environ.setdefault("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    elif "DATABASE_URL" not in environ:
        print(  # noqa: T201
            f"No database: nothing was started in {folder()}. "
            "Run `make run` first, or set DATABASE_URL and SECRET_KEY.",
            file=sys.stderr,
        )
        raise SystemExit(2)
