"""The ledger: record a deed, seal everything into a signed tree, and find what was altered, removed or slipped in.

Row images are written by triggers; `record` is for what a row cannot say.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from compliance import bulk, merkle, notes, tree
from compliance.models import Checkpoint, LedgerEntry, LedgerTile, Staff

BATCH = 100_000  # entries a checkpoint covers at most; the next seal goes on


class Inconsistent(Exception):
    """The ledger is not the one that was signed. Nothing was sealed or signed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found: entries checked, those not sealed yet, and in words the first fault ("" when sound)."""

    checked: int
    unsealed: int
    fault: str
    entry: int | None = None

    @property
    def sound(self) -> bool:
        """Whether nothing was altered, removed or slipped in."""
        return not self.fault


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


def canonical(columns: Sequence[Any]) -> bytes:
    """The bytes whose SHA-256 is an entry's digest: number, transaction, time, kind, actor, request, about, facts.

    Then, in entries that have them, the clock and login of the database (None in older ones, and left out). Each is
    "<length in bytes>:<text>"; times are UTC with microseconds and Z, the facts PostgreSQL's jsonb text.
    """
    texts = [str(one).encode() for one in columns if one is not None]
    return b"".join(b"%d:%s" % (len(one), one) for one in texts)


@transaction.atomic
def seal(*, at: datetime) -> Checkpoint | None:
    """Put every entry whose transaction has ended into the tree and sign its head; None when there is nothing to do.

    One sealer at a time: another one that finds it at work returns None too. Raises Inconsistent and signs nothing
    when the tree in the database is not the one that was signed last.
    """
    if not bulk.only_sealer():
        return None
    last = Checkpoint.objects.order_by("-size").first()
    if last is not None:
        _insist_on(last)
    size = last.size if last else 0
    frontier = [bytes.fromhex(one) for one in last.frontier] if last else []
    rows = bulk.sealable(xid=last.last_xid if last else 0, entry=last.last_entry if last else 0, limit=BATCH)
    if not rows:
        return None
    hashes = [merkle.leaf(digest) for _, _, digest in rows]
    bulk.add_leaves([(size + place, row[0], one) for place, (row, one) in enumerate(zip(rows, hashes, strict=True))])
    tree.keep_tiles(size if LedgerTile.objects.exists() else 0, size + len(rows))
    frontier, size = merkle.grow(frontier, size, hashes)
    root = merkle.root(frontier)
    return Checkpoint.objects.create(
        size=size,
        root=root,
        frontier=[one.hex() for one in frontier],
        last_xid=rows[-1][1],
        last_entry=rows[-1][0],
        note=notes.checkpoint(size, root),
        at=at,
    )


def _insist_on(last: Checkpoint) -> None:
    """A log must never sign two stories: what we are about to extend has to be what we signed."""
    root = merkle.root([bytes.fromhex(one) for one in last.frontier])
    if root != bytes(last.root) or notes.says(last.note) != (last.size, root) or not notes.is_ours(last.note):
        raise Inconsistent(f"The checkpoint of {last.size} entries was altered, or signed with a key we do not know.")
    if bulk.leaves_end() != last.size:
        raise Inconsistent(f"The tree has {bulk.leaves_end()} leaves, its signed head {last.size}.")


def verify(*, outside: Iterable[str] = ()) -> Verdict:
    """Read the whole ledger again and compare it with its tree and every signed checkpoint.

    outside: signed checkpoints kept elsewhere; each must be one of this tree's own heads.
    """
    heads = {one.size: one for one in Checkpoint.objects.order_by("size").defer("frontier")}
    others: dict[int, list[str]] = defaultdict(list)
    for note in outside:
        others[notes.says(note)[0]].append(note)
    last = max(heads, default=0)
    if others and not 0 < min(others) <= max(others) <= last:
        return Verdict(0, 0, f"An outside checkpoint covers {max(others)} entries, the last one here {last}.")
    frontier: list[bytes] = []
    size = 0
    for row in bulk.every():
        fault = _leaf_fault(row, size)
        if fault:
            return Verdict(size, 0, fault, row[1])
        frontier, size = merkle.grow(frontier, size, [bytes(row[2])])
        if size in heads or size in others:
            root = merkle.root(frontier)
            fault = _head_fault(heads[size], root) if size in heads else ""
            fault = fault or _outside_fault(size, root, others.get(size, []))
            if fault:
                return Verdict(size, 0, fault, row[1])
    if size != last:
        return Verdict(size, 0, f"The last checkpoint covers {last} entries, the tree has {size}.")
    return _loose(heads.get(last), size)


def _leaf_fault(row: Sequence[Any], size: int) -> str:
    index, entry, leaf, digest, *columns = row
    if index != size:
        return f"Leaf {size} was removed: the next one is {index}."
    if digest is None:
        return f"Entry {entry} (leaf {index}) was removed."
    told = hashlib.sha256(canonical(columns)).digest()
    if told != bytes(digest) or merkle.leaf(told) != bytes(leaf):
        return f"Entry {entry} (leaf {index}) was altered."
    return ""


def _head_fault(head: Checkpoint, root: bytes) -> str:
    if bytes(head.root) != root or notes.says(head.note) != (head.size, root):
        return f"The tree of {head.size} entries is not the one that was signed on {head.at:%Y-%m-%d at %H:%M:%S} UTC."
    if not notes.is_ours(head.note):
        return f"The checkpoint of {head.size} entries is not signed with this ledger's key."
    return ""


def _outside_fault(size: int, root: bytes, kept: list[str]) -> str:
    for note in kept:
        if notes.says(note)[1] != root or not notes.is_ours(note):
            return f"The tree of {size} entries is not the one that the outside checkpoint states."
    return ""


def _loose(head: Checkpoint | None, size: int) -> Verdict:
    waiting = 0
    for entry, digest, *columns, before in bulk.unsealed(
        xid=head.last_xid if head else 0, entry=head.last_entry if head else 0
    ):
        waiting += 1
        if before:
            return Verdict(size, waiting, f"Entry {entry} was slipped in behind the last checkpoint.", entry)
        if hashlib.sha256(canonical(columns)).digest() != bytes(digest):
            return Verdict(size, waiting, f"Entry {entry} (not sealed yet) was altered.", entry)
    return Verdict(size, waiting, "")
