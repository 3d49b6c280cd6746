"""A restored backup is looked through as a whole, and that it was sound is recorded in the installation it came from.

Nothing stays written in the copy: what is repeated there, so that the erased stay erased, is rolled back.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Max

from campaigns import board
from campaigns.models import Run
from compliance import anchors, bulk, fence, ledger, notes, restores
from compliance.models import Checkpoint, Client, LedgerEntry, Staff
from compliance.rights import erasure, holds, log

By = Staff | str


class Unsound(Exception):
    """The copy is not what a restore must give; the message says what is wrong, and nothing is recorded as verified."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a copy holds: ledger entries, those sealed (`size`), and runs.

    backup_at  when its newest entry was written · erased  deeds of the erasure log that it did not know
    """

    backup_at: datetime | None
    entries: int
    size: int
    runs: int
    erased: int


def verify(login: dict[str, Any], *, by: By, at: datetime) -> Found:
    """Look through the copy that this login (a DATABASES entry) opens, and record here that it is whole.

    What is wrong with a copy is recorded too. Raises Unsound, and OperationalError where the copy does not answer.
    """
    here = bulk.running()
    with bulk.connected_as(login):
        if bulk.running() == here:
            raise Unsound("This is the live database itself, not a copy of it.")
        if bulk.follows():
            raise Unsound("This follows a live database; restore a backup and look through that.")
        found, root, faults = _look(at=at)
    if not faults and not _signed_here(found.size, root):
        faults = [f"This installation never signed its newest checkpoint, of {found.size:,} entries: another firm's?"]
    if found.backup_at and at - found.backup_at > timedelta(days=settings.RESTORE_DAYS):
        days = (at - found.backup_at).days
        faults.append(f"Its newest entry is {days} days old: it proves nothing of the backups of today.")
    facts = {**asdict(found), "backup_at": found.backup_at and found.backup_at.isoformat()}
    kind = restores.REFUSED if faults else restores.VERIFIED
    ledger.record(kind, by=by, at=at, about=restores.ABOUT, facts={**facts, "faults": faults} if faults else facts)
    if faults:
        raise Unsound(" ".join(faults))
    return found


def _look(*, at: datetime) -> tuple[Found, bytes, list[str]]:
    """(what it holds, root of its newest checkpoint, what is wrong with it) of the database that is connected now."""
    if behind := _schema():
        return Found(None, 0, 0, 0, 0), b"", [behind]
    head = Checkpoint.objects.order_by("-size").first()
    size, root = (head.size, bytes(head.root)) if head else (0, b"")
    verdict = ledger.verify(outside=[one for one in anchors.outside() if notes.says(one)[0] <= size])
    runs = list(Run.objects.all())
    astray = [pk for pk, counts in board.counts(runs).items() if not counts.adds_up]
    newest = LedgerEntry.objects.aggregate(newest=Max("recorded_at"))["newest"]
    erased, remembered = _forgotten(at=at)
    faults = [verdict.fault, remembered]
    faults += [
        f"{table} has {there:,} rows, its images in the ledger tell of {told:,}."
        for table, told, there in bulk.rows_astray()[:10]
    ]
    faults += [f"{about}: {fault}." for about, fault in bulk.history_differences(limit=1)[:10]]
    faults += [f"The numbers of run {pk} do not add up." for pk in sorted(astray)[:10]]
    if not size:
        faults.append("It has no signed checkpoint.")
    entries = verdict.checked + verdict.unsealed
    return Found(newest, entries, size, len(runs), erased), root, [one for one in faults if one]


def _schema() -> str:
    """What of its tables does not fit this version."""
    executor = MigrationExecutor(connection)
    loader = executor.loader
    if plan := executor.migration_plan(loader.graph.leaf_nodes()):
        return f"Its tables are {len(plan)} migrations behind this version: migrate the copy first."
    ours = {label for label, _ in loader.disk_migrations}
    newer = [one for one in loader.applied_migrations if one not in loader.disk_migrations and one[0] in ours]
    return f"Its tables are of a newer version ({newer[0][0]} {newer[0][1]})." if newer else ""


def _forgotten(*, at: datetime) -> tuple[int, str]:
    """(deeds of the erasure log repeated, what is wrong), the fence as it stands after that among it."""
    with transaction.atomic():
        try:
            again = erasure.replay(by="system:restore", at=at)
            refs = {ref for one in log.lines() for ref in (one.ref, *one.others)}
            left = len(log.missing()) + Client.objects.filter(ref__in=refs, erased_at=None).count()
            fault = f"{left} deeds of the erasure log cannot be repeated in it." if left else ""
        except holds.OnHold as held:
            again, fault = 0, f"The erasure log cannot be repeated in it: {held}"
        if not fault and fence.state().is_armed:
            fault = "Its fence stands open: with this installation's files it would send."
        transaction.set_rollback(True)
    return again, fault


def _signed_here(size: int, root: bytes) -> bool:
    return Checkpoint.objects.filter(size=size, root=root).exists()
