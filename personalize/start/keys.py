"""The secrets and sign-ins of one data folder: made once, kept in one file that only its owner may read."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

NAMES = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(64),
    "LEDGER_KEY": lambda: secrets.token_urlsafe(64),
    "DEMO_PASSWORD": lambda: "-".join(secrets.token_hex(2) for _ in range(4)),
    "WRITE_KEY": lambda: "wk_" + secrets.token_urlsafe(24),
    "API_TOKEN_MARKETER": lambda: "mk_" + secrets.token_urlsafe(24),
    "API_TOKEN_EDITOR": lambda: "ed_" + secrets.token_urlsafe(24),
    "API_TOKEN_OFFICER": lambda: "of_" + secrets.token_urlsafe(24),
}


def read(file: Path) -> dict[str, str]:
    """The NAME=value lines of a file; none if there is no file."""
    if not file.exists():
        return {}
    lines = (line.partition("=") for line in file.read_text().splitlines() if "=" in line and line[0] != "#")
    return {name: value for name, _, value in lines}


def write(file: Path, values: Mapping[str, str], *, title: str) -> None:
    """Write NAME=value lines, readable by the owner alone; a reader sees the old file or the new one, never half."""
    half = file.with_suffix(".half")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(f"# {title}\n" + "".join(f"{name}={value}\n" for name, value in values.items()))
    half.replace(file)


def settle(file: Path, given: Mapping[str, str]) -> tuple[dict[str, str], set[str]]:
    """Every key of NAMES: as given by the environment, else as kept in `file`, else new and kept.

    Returns the keys and the names of those made just now.
    """
    kept = read(file)
    if "SECRET_KEY" in kept:  # folders older than the ledger's own key signed with this one, and go on
        kept.setdefault("LEDGER_KEY", kept["SECRET_KEY"])
    made = {name for name in NAMES if not given.get(name) and not kept.get(name)}
    kept |= {name: NAMES[name]() for name in made}
    if made:
        write(file, kept, title="Made by the first start. Delete this file only with the whole data folder.")
    return {name: given.get(name) or kept[name] for name in NAMES}, made
