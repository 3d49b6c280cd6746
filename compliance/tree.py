"""The ledger's tree in the database: tiles as it grows, and the proof that one entry is in it."""

import base64

from compliance import bulk, merkle, notes
from compliance.models import Checkpoint, LedgerEntry, LedgerTile

TILE = merkle.TILE
KEPT_BLOCKS = 4_096  # about 50 MB


class Unsealed(Exception):
    """The entry is in no signed tree yet; the sealer runs every few seconds."""


class Hashes:
    """The tree's hashes, read a block of neighbours at a time and kept, so that many proofs read little."""

    def __init__(self) -> None:
        self.blocks: dict[tuple[int, int], dict[int, bytes]] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of a full subtree of TILE ** level leaves."""
        place = (level, index // TILE)
        if place not in self.blocks:
            if len(self.blocks) >= KEPT_BLOCKS:
                self.blocks.clear()
            self.blocks[place] = bulk.hashes(level=level, first=place[1] * TILE, many=TILE)
        return self.blocks[place][index]


def keep_tiles(before: int, size: int) -> None:
    """Keep the roots of the subtrees that became full while the tree grew from `before` to `size` leaves."""
    level = 0
    while size >= TILE:
        first = before // TILE
        found = bulk.hashes(level=level, first=first * TILE, many=(size // TILE - first) * TILE)
        roots = merkle.tiles([found[index] for index in sorted(found)])
        level += 1
        LedgerTile.objects.bulk_create(
            [LedgerTile(level=level, index=first + place, hash=one) for place, one in enumerate(roots)]
        )
        before, size = first, size // TILE


def proof(entry: LedgerEntry) -> str:
    """A .tlog-proof of one entry against the newest checkpoint: its own bytes, its place, the path, the signed head.

    Raises Unsealed. Source: c2sp.org/tlog-proof; `extra` is the entry's canonical bytes, whose SHA-256 is the leaf.
    """
    head = Checkpoint.objects.order_by("-size").first()
    place = getattr(entry, "leaf", None)
    if head is None or place is None or place.index >= head.size:
        raise Unsealed(entry.pk)
    extra = base64.b64encode(bulk.canonical(entry.pk)).decode()
    path = merkle.path(place.index, head.size, Hashes())
    lines = ["c2sp.org/tlog-proof@v1", f"extra {extra}", f"index {place.index}"]
    return "\n".join([*lines, *(base64.b64encode(one).decode() for one in path), "", head.note])


def is_proven(text: str) -> bool:
    """Whether a .tlog-proof holds: its bytes are in the tree whose head one of our keys signed."""
    front, _, note = text.partition("\n\n")
    try:
        first, extra, index, *path = front.splitlines()
        leaf = merkle.leaf(merkle.sha256(base64.b64decode(extra.removeprefix("extra "), validate=True)).digest())
        size, root = notes.says(note)
        hashes = [base64.b64decode(one, validate=True) for one in path]
        place = int(index.removeprefix("index "))
    except ValueError:
        return False
    found = merkle.root_of_proof(leaf, place, size, hashes)
    return first == "c2sp.org/tlog-proof@v1" and found == root and notes.is_ours(note)
