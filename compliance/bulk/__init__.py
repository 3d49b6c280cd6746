"""Set-based SQL of this package."""

from compliance.bulk.consent import allowed, differences, lock
from compliance.bulk.ledger import add_leaves, every, only_sealer, sealable, unsealed

__all__ = ["add_leaves", "allowed", "differences", "every", "lock", "only_sealer", "sealable", "unsealed"]
