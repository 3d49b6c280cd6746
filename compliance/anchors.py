"""Checkpoints leave the machine: appended to a file, best on another machine's disk, and mailed once a day.

Whoever rewrites the database cannot rewrite those; `verify` compares.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from django.conf import settings
from django.core.mail import send_mail

from compliance import ledger, notes
from compliance.models import Checkpoint, LedgerEntry

log = logging.getLogger(__name__)
BATCHES = 20  # seals of one call at most: what is behind catches up over a few calls
TAIL = 4_096  # bytes; a checkpoint has some 250


def advance(*, at: datetime) -> int:
    """Seal what can be sealed and hand the new checkpoints out; gives how many were signed.

    Raises ledger.Inconsistent, and signs nothing, when the file outside knows a tree that this database does not hold.
    """
    _insist_on_file()
    signed = 0
    while signed < BATCHES and ledger.seal(at=at):
        signed += 1
    publish()
    return signed


def publish() -> None:
    """Append to the file what it lacks. A disk that is away is logged; the next call makes up for it."""
    path = settings.LEDGER_CHECKPOINTS
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = notes.says(_last(file))[0]
            missing = Checkpoint.objects.filter(size__gt=size).order_by("size").values_list("note", flat=True)
            for note in missing.iterator(chunk_size=1_000):
                file.write(f"{note}\n".encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        log.error("ledger.checkpoint_not_written", extra={"path": str(path), "error": str(error)})


def outside() -> Iterator[str]:
    """Every checkpoint in the file, oldest first; none when there is no file."""
    path = settings.LEDGER_CHECKPOINTS
    if path is None or not path.exists():
        return
    parts = path.read_text().split("\n\n")
    for place, (text, signatures) in enumerate(pairwise(parts)):
        if place % 2 == 0:
            yield f"{text}\n\n{signatures}\n"


def last_outside() -> int:
    """How many entries the newest checkpoint in the file covers; -1 when there is none."""
    path = settings.LEDGER_CHECKPOINTS
    if path is None or not path.exists():
        return -1
    with open(path, "rb") as file:
        return notes.says(_last(file))[0]


def mail_newest(*, at: datetime) -> bool:
    """Mail the newest checkpoint to LEDGER_MAIL_TO unless it went already; that it went is in the ledger."""
    head = Checkpoint.objects.order_by("-size").first()
    about = f"checkpoint:{head.size}" if head else ""
    if head is None or not settings.LEDGER_MAIL_TO or LedgerEntry.objects.filter(about=about).exists():
        return False
    text = (
        f"{settings.FIRM['legal_name']}: the ledger held {head.size} entries on {head.at:%Y-%m-%d at %H:%M} UTC.\n"
        "Keep this mail. Whoever changes an older entry later cannot make this checkpoint fit again.\n\n"
        f"{head.note}\nIt verifies with the key {notes.verifier()}\n"
    )
    send_mail(f"Ledger checkpoint, {head.size} entries", text, settings.FIRM["sender"], settings.LEDGER_MAIL_TO)
    facts = {"size": head.size, "to": len(settings.LEDGER_MAIL_TO)}
    ledger.record("checkpoint.mailed", by="system:sealer", at=at, about=about, facts=facts)
    return True


def _insist_on_file() -> None:
    size = last_outside()
    head = Checkpoint.objects.filter(size=size).first() if size > 0 else None
    if size <= 0:
        return
    with open(settings.LEDGER_CHECKPOINTS, "rb") as file:
        root = notes.says(_last(file))[1]
    if head is None or bytes(head.root) != root:
        raise ledger.Inconsistent(
            f"{settings.LEDGER_CHECKPOINTS} ends with a tree of {size} entries that this database does not hold: it "
            "was restored from an older copy, or rewritten. Keep that file as evidence and name a new one."
        )


def _last(file) -> str:  # type: ignore[no-untyped-def]
    """The last note in an open file; "" when there is none."""
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - TAIL))
    parts = file.read().decode(errors="replace").split("\n\n")
    return f"{parts[-3]}\n\n{parts[-2]}\n" if len(parts) >= 3 else ""
