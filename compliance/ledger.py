"""The ledger of deeds. Row images are written by triggers; this is for what a row cannot say."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from compliance.models import LedgerEntry, Staff


def actor(by: Staff | str) -> str:
    """How the ledger names who acts: "staff:3" for a person of ours, the text itself for everybody else."""
    return f"staff:{by.pk}" if isinstance(by, Staff) else by


def record(kind: str, *, by: Staff | str, at: datetime, about: str, facts: Mapping[str, Any]) -> int:
    """Add one deed in the caller's transaction and return its number.

    kind: noun and past verb, "review.approved" · about: what it was done to, "review:12", "client:17"
    facts: what else a regulator needs; ids and digests, never a client's name, address or text.
    """
    entry = LedgerEntry(kind=kind, at=at, actor=actor(by), about=about, facts=dict(facts), xid=0, digest=b"")
    entry.save(force_insert=True)
    return int(entry.pk)
