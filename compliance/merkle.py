"""The hash tree of RFC 6962 (section 2.1) over a growing list, without the list: pure, hashlib only.

A frontier is the list of roots of the full subtrees that a tree of some size is made of, largest first: one for every
1 in the size's binary form.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

TILE = 256  # the roots of full subtrees of so many leaves are kept, and of so many of those: proofs need no more
EMPTY = sha256(b"").digest()
KEPT_ROOTS = 100_000  # about 20 MB
Roots = dict[tuple[int, int], bytes]  # by first leaf and size


def leaf(content: bytes) -> bytes:
    """The hash of one leaf."""
    return sha256(b"\x00" + content).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two neighbours."""
    return sha256(b"\x01" + left + right).digest()


def grow(frontier: Sequence[bytes], size: int, leaves: Iterable[bytes]) -> tuple[list[bytes], int]:
    """The frontier and size after adding leaf hashes to a tree of `size` leaves."""
    roots = list(frontier)
    for one in leaves:
        roots.append(one)
        full = size
        while full & 1:  # two subtrees of the same size become one
            right = roots.pop()
            roots.append(node(roots.pop(), right))
            full >>= 1
        size += 1
    return roots, size


def root(frontier: Sequence[bytes]) -> bytes:
    """The root of the tree with this frontier."""
    if not frontier:
        return EMPTY
    top = frontier[-1]
    for one in reversed(frontier[:-1]):
        top = node(one, top)
    return top


def subtree(start: int, size: int, fetch: Callable[[int, int], bytes], kept: Roots | None = None) -> bytes:
    """The root over leaves start … start + size - 1.

    fetch  (level, index) → hash of a full aligned subtree of TILE ** level leaves; level 0 is a leaf
    kept   roots found before, so that neighbours' proofs share them; emptied when it holds KEPT_ROOTS
    """
    if kept is not None and (found := kept.get((start, size))):
        return found
    level, tile = 0, 1
    while tile * TILE <= size:
        level, tile = level + 1, tile * TILE
    if size == tile and start % tile == 0:
        return fetch(level, start // tile)
    split = 1 << (size - 1).bit_length() - 1
    made = node(subtree(start, split, fetch, kept), subtree(start + split, size - split, fetch, kept))
    if kept is not None:
        if len(kept) >= KEPT_ROOTS:
            kept.clear()
        kept[start, size] = made
    return made


def path(
    index: int, size: int, fetch: Callable[[int, int], bytes], kept: Roots | None = None
) -> list[bytes]:  # fmt: skip
    """The audit path of leaf `index` in a tree of `size` leaves, from the leaf up. Source: RFC 6962, section 2.1.1."""
    found, start = [], 0
    while size > 1:
        split = 1 << (size - 1).bit_length() - 1
        if index - start < split:
            found.append(subtree(start + split, size - split, fetch, kept))
            size = split
        else:
            found.append(subtree(start, split, fetch, kept))
            start, size = start + split, size - split
    return found[::-1]


def tiles(leaves: Sequence[bytes]) -> list[bytes]:
    """The roots of each full run of TILE hashes."""
    whole = range(0, len(leaves) - TILE + 1, TILE)
    return [root(grow([], 0, leaves[start : start + TILE])[0]) for start in whole]


def root_of_proof(leaf_hash: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that an audit path leads to, or None when the path does not fit.

    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    at, last, top = index, size - 1, leaf_hash
    for one in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            top = node(one, top)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            top = node(top, one)
        at, last = at >> 1, last >> 1
    return top if last == 0 else None
