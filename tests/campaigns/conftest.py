"""Fixtures of this package's tests."""

from tests.campaigns.decided import decided
from tests.campaigns.in_shadow import shadow
from tests.campaigns.shortly import token
from tests.campaigns.sink import sink
from tests.campaigns.world import world

__all__ = ["decided", "shadow", "sink", "token", "world"]
