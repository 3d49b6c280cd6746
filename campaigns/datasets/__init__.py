"""Public data sets as clients, events, one logged campaign and its outcomes."""

from campaigns.datasets.load import Loaded, load
from campaigns.datasets.shapes import SHAPES

__all__ = ["SHAPES", "Loaded", "load"]
