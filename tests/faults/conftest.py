"""The small world of campaigns, for faults that need no processes of their own."""

from tests.campaigns.world import world

__all__ = ["world"]
