"""Fixtures of this package's tests."""

from tests.campaigns.world import world

__all__ = ["world"]
