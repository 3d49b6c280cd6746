"""The hash tree of RFC 6962 (section 2.1) over a growing list, without the list: pure, hashlib only.

A frontier is the list of roots of the full subtrees that a tree of some size is made of, largest first: one for every
1 in the size's binary form.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

EMPTY = sha256(b"").digest()


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


def levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """Every level of the tree from the leaves up; an odd one out rises unchanged. Proofs are read off it."""
    found = [list(leaves)]
    while len(found[-1]) > 1:
        below = found[-1]
        above = [node(below[place], below[place + 1]) for place in range(0, len(below) - 1, 2)]
        found.append(above + below[len(above) * 2 :])
    return found


def proof(tree: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    """The audit path of leaf `index` from the leaf up, given `levels` of the tree."""
    path = []
    for level in tree[:-1]:
        beside = index ^ 1
        if beside < len(level):
            path.append(level[beside])
        index >>= 1
    return path


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
