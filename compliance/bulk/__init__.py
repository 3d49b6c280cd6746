"""Set-based SQL of this package."""

from compliance.bulk.consent import allowed, differences, lock
from compliance.bulk.ledger import (
    add_leaves,
    concerning,
    every,
    hold,
    images_before,
    leaf_hashes,
    let_go,
    only_sealer,
    sealable,
    unsealed,
)

__all__ = [
    "add_leaves",
    "allowed",
    "concerning",
    "differences",
    "every",
    "hold",
    "images_before",
    "leaf_hashes",
    "let_go",
    "lock",
    "only_sealer",
    "sealable",
    "unsealed",
]
