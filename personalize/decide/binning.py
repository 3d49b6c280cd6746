"""Which bin of a table a number falls in, for many rows at once: a grid instead of a search, and exact all the same."""

from dataclasses import dataclass

import numpy as np

CELLS = 8_192


@dataclass(frozen=True, slots=True)
class Grid:
    """Sorted cuts with a regular grid laid over them, fine enough that no two cuts share a cell.

    below  (cells,) how many cuts lie in the cells before · cut (cells,) the cut in this cell, infinity where none
    Both are empty where cuts lie too close together; then they are searched.
    """

    cuts: np.ndarray
    low: float
    scale: float
    below: np.ndarray
    cut: np.ndarray

    @classmethod
    def of(cls, cuts: np.ndarray) -> "Grid":
        """The grid of these cuts, sorted and different."""
        nothing = np.zeros(0)
        if len(cuts) < 2 or not np.abs(cuts).max() < 1e300:
            return cls(cuts, 0.0, 0.0, nothing, nothing)
        low, width = float(cuts[0]), float(cuts[-1] - cuts[0])
        scale = (CELLS - 1) / width
        if not np.isfinite(scale):
            return cls(cuts, 0.0, 0.0, nothing, nothing)
        cells = _cells(cuts, low, scale)
        if (np.diff(cells) == 0).any():
            return cls(cuts, 0.0, 0.0, nothing, nothing)
        below = np.zeros(CELLS, np.int32)
        below[cells[cells < CELLS - 1] + 1] = 1
        cut = np.full(CELLS, np.inf)
        cut[cells] = cuts
        return cls(cuts, low, scale, below.cumsum(dtype=np.int32), cut)

    def bins(self, value: np.ndarray) -> np.ndarray:
        """How many cuts are smaller than each value: (n,); one more than all cuts where it is NaN.

        The cell of a value is a monotone function of it, so a value in another cell than a cut is on the side of that
        cell, and only the cut in its own cell must be compared: the same answer as a search, to the last bit.
        """
        unknown = np.isnan(value)
        some = unknown.any()
        if len(self.cut):
            cell = _cells(np.where(unknown, self.low, value) if some else value, self.low, self.scale)
            found = self.below[cell] + (value > self.cut[cell])
        else:
            found = np.searchsorted(self.cuts, value, side="left")
        return np.where(unknown, len(self.cuts) + 1, found) if some else found


def _cells(value: np.ndarray, low: float, scale: float) -> np.ndarray:
    with np.errstate(over="ignore"):  # beyond the largest number is beyond the last cell
        scaled = (value - low) * scale
    return np.clip(scaled, 0, CELLS - 1, out=scaled).astype(np.int32)
