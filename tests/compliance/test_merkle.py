"""The tree of RFC 6962: known roots, growth in any steps, and proofs that fit only their own leaf."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance import merkle

# The test vectors of the Certificate Transparency reference code (google/certificate-transparency, merkle tree tests).
INPUTS = [
    bytes.fromhex(one)
    for one in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive(leaves):
    """RFC 6962, section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return merkle.node(naive(leaves[:split]), naive(leaves[split:]))


def test_the_published_roots():
    leaves = [merkle.leaf(one) for one in INPUTS]

    roots = [merkle.root(merkle.grow([], 0, leaves[:n])[0]).hex() for n in range(1, 9)]

    assert roots == ROOTS
    assert merkle.root([]) == sha256(b"").digest()


@given(st.integers(0, 70), st.integers(0, 70))
def test_growing_in_steps_is_growing_at_once_and_is_the_standard(first, second):
    leaves = [merkle.leaf(bytes([n])) for n in range(first + second)]

    frontier, size = merkle.grow(*merkle.grow([], 0, leaves[:first]), leaves[first:])

    assert size == first + second
    assert merkle.root(frontier) == naive(leaves)
    assert len(frontier) == size.bit_count()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 33])
def test_a_proof_fits_its_own_leaf_only(size):
    leaves = [merkle.leaf(bytes([n])) for n in range(size)]
    for index in range(size):
        path = merkle.path(index, size, lambda level, place: leaves[place])
        assert merkle.root_of_proof(leaves[index], index, size, path) == naive(leaves)
        assert merkle.root_of_proof(merkle.leaf(b"other"), index, size, path) != naive(leaves)
        assert merkle.root_of_proof(leaves[index], index, size, [*path, path[0] if path else leaves[0]]) is None
        if size > 1:
            assert merkle.root_of_proof(leaves[index], (index + 1) % size, size, path) != naive(leaves)
    assert merkle.root_of_proof(leaves[0], size, size, []) is None


@pytest.mark.parametrize("size", [256, 257, 511, 512, 700])
def test_a_path_over_tiles_is_the_path_over_leaves(size):
    leaves = [merkle.leaf(n.to_bytes(2)) for n in range(size)]
    levels = [leaves, merkle.tiles(leaves)]
    for index in {0, 1, 255, 256, size - 1} & set(range(size)):
        path = merkle.path(index, size, lambda level, place: levels[level][place])
        assert merkle.root_of_proof(leaves[index], index, size, path) == naive(leaves)
