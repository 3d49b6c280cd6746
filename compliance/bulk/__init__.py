"""Set-based SQL of this package."""

from compliance.bulk.consent import allowed, differences, lock
from compliance.bulk.ledger import add_leaves, concerning, every, leaf_hashes, only_sealer, sealable, unsealed

__all__ = [
    "add_leaves",
    "allowed",
    "concerning",
    "differences",
    "every",
    "leaf_hashes",
    "lock",
    "only_sealer",
    "sealable",
    "unsealed",
]
