"""The reading view of history, held against the ledger: every historied row has its ledger entry, and the reverse."""

from dataclasses import dataclass
from datetime import datetime

from compliance import bulk, ledger

MOST = 100  # differences told of one table


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing whose history and ledger do not agree, and how, in words."""

    about: str
    fault: str


class HistoryDiffers(Exception):
    """History tables and ledger tell different stories; the message names the first. The finding is in the ledger."""


def reconcile(*, at: datetime) -> list[Difference]:
    """Every difference there is (up to MOST a table); that it was looked for, and how many there are, is a deed."""
    found = [Difference(*one) for one in bulk.history_differences(limit=MOST)]
    facts = {"tables": len(bulk.historied()), "differences": len(found), "first": [one.about for one in found[:10]]}
    ledger.record("history.reconciled", by="system:reconcile", at=at, about="history", facts=facts)
    return found


def insist(*, at: datetime) -> None:
    """Reconcile; raise HistoryDiffers when anything differs."""
    if found := reconcile(at=at):
        raise HistoryDiffers(f"{len(found)} differences, first {found[0].about}: {found[0].fault}")
