"""The erasure log: outside the database, so that a backup from before an erasure cannot bring the person back.

One JSON line a deed: {"at", "did", "erasure", "ref", "refs"}; did is "erased" or "destroyed" (the key).
Pseudonyms only; `refs` are those of every record that was joined with theirs: a backup from before a merge knows the
person by them.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

from django.conf import settings

from compliance.models import Erasure

TAIL = 1_000  # bytes, more than most lines


@dataclass(frozen=True, slots=True)
class Line:
    """One deed: which erasure, of whom, and whether rows were erased or the key was destroyed.

    others  the pseudonyms of every record that was joined into theirs
    """

    erasure: UUID
    ref: UUID
    did: Literal["erased", "destroyed"]
    at: datetime
    others: tuple[UUID, ...] = ()


def append(line: Line) -> None:
    """Write one deed to disk before the transaction that does it commits. Raises OSError, and then nothing is erased.

    Should the transaction fail after all, the log asks for an erasure that was decided and not done; `missing` tells.
    """
    path: Path = settings.ERASURES
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "at": line.at.isoformat(), "did": line.did, "erasure": str(line.erasure), "ref": str(line.ref),
        "refs": sorted(str(one) for one in {line.ref, *line.others}),
    }  # fmt: skip
    with open(path, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps(told, sort_keys=True).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def lines() -> Iterator[Line]:
    """Every deed, oldest first; none where there is no log."""
    if settings.ERASURES.exists():
        with open(settings.ERASURES, encoding="utf-8") as file:
            yield from (_read(one) for one in file if one.strip())


def is_caught_up() -> bool:
    """Whether this database knows the newest deed of the log: cheap, asked before every batch of mails."""
    path: Path = settings.ERASURES
    if not path.exists():
        return True
    newest = _newest(path)
    return not newest or not _unknown([_read(newest)])


def missing() -> list[Line]:
    """Every deed of the log that this database does not know, oldest first."""
    return _unknown(list(lines()))


def _newest(path: Path) -> str:
    """The last line of the log, however many pseudonyms it names; "" where there is none."""
    with open(path, "rb") as file:
        end, back = file.seek(0, os.SEEK_END), TAIL
        while True:
            file.seek(max(0, end - back))
            told = file.read().rstrip(b"\n").rpartition(b"\n")
            if told[1] or back >= end:
                return told[2].decode()
            back *= 2


def _unknown(asked: list[Line]) -> list[Line]:
    known = dict(Erasure.objects.filter(pk__in={one.erasure for one in asked}).values_list("pk", "destroyed_at"))
    return [one for one in asked if one.erasure not in known or (one.did == "destroyed" and known[one.erasure] is None)]


def _read(text: str) -> Line:
    told = json.loads(text)
    ref, refs = UUID(told["ref"]), [UUID(one) for one in told.get("refs", [])]
    others = tuple(one for one in refs if one != ref)
    return Line(UUID(told["erasure"]), ref, told["did"], datetime.fromisoformat(told["at"]), others)
