"""Set-based SQL of this package."""

from compliance.bulk.consent import allowed, differences, lock

__all__ = ["allowed", "differences", "lock"]
