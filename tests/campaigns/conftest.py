"""Fixtures of this package's tests."""

from tests.campaigns.sink import sink
from tests.campaigns.world import world

__all__ = ["sink", "world"]
