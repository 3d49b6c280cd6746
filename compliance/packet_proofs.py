"""The ledger's part of a packet: the entries, and what proves that each is in the signed tree."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np

from compliance import bulk, merkle, tree


def files(
    *, everything: bool, abouts: list[str], clients: list[int], start: datetime | None, end: datetime | None, size: int,
    each_proven: int,
) -> Iterator[tuple[str, Iterator[bytes]]]:  # fmt: skip
    """entries.jsonl and nodes.jsonl of what concerns these things, under the tree of `size` leaves.

    Up to `each_proven` sealed entries each carry their own audit path. More of them share nodes.jsonl: the hashes of
    all parts of the tree that hold none of them, from which and the entries the root is worked out once.
    """
    asked = bulk.asking(everything=everything, abouts=abouts, clients=clients, start=start, end=end)
    places = bulk.places(asked=asked, size=size) if size else np.zeros(0, np.int64)
    if len(places) <= each_proven:
        yield "ledger/entries.jsonl", _proven(asked, size)
        yield "ledger/nodes.jsonl", iter(())
    else:
        yield "ledger/entries.jsonl", bulk.entries(asked=asked, size=size)
        yield "ledger/nodes.jsonl", _between(places, size)


def _proven(asked: dict[str, Any], size: int) -> Iterator[bytes]:
    hashes, roots = tree.Hashes(), merkle.Roots()
    for *columns, digest, leaf in bulk.concerning(**{**asked, "clients": [int(one) for one in asked["clients"]]}):
        sealed = leaf is not None and leaf < size
        yield _line({
            "entry": [one for one in columns if one is not None],
            "digest": bytes(digest).hex(),
            "leaf": leaf if sealed else None,
            "proof": [one.hex() for one in merkle.path(leaf, size, hashes, roots)] if sealed else [],
        })  # fmt: skip


def _between(places: np.ndarray, size: int) -> Iterator[bytes]:
    hashes, roots = tree.Hashes(), merkle.Roots()
    for start, many in nodes(places, size):
        made = merkle.subtree(start, many, hashes, roots)
        yield _line({"start": start, "size": many, "hash": made.hex()})


def nodes(places: np.ndarray, size: int) -> Iterator[tuple[int, int]]:
    """(first leaf, leaves) of the largest parts of the tree of `size` leaves without any of these places, in order.

    places (n,) int64, ascending, at least one. Source: RFC 6962, section 2.1, for how a tree is parted.
    """
    waiting = [(0, size, 0, len(places))]
    while waiting:
        start, many, low, high = waiting.pop()
        if low == high:
            yield start, many
        elif high - low < many:
            split = 1 << (many - 1).bit_length() - 1
            middle = low + int(np.searchsorted(places[low:high], start + split))
            waiting += [(start + split, many - split, middle, high), (start, split, low, middle)]


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, sort_keys=True, ensure_ascii=False).encode() + b"\n"
