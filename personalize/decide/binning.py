"""Which bin of a table a number falls in, for many rows at once: a grid instead of a search, and exact all the same."""

from dataclasses import dataclass

import numpy as np

SIZES = (512, 2_048, 8_192)  # cells of a grid: the fewest that keep cuts apart, for they stay in the fastest memory


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
        for cells in SIZES:
            found = cls._laid(cuts, cells)
            if found is not None:
                return found
        return cls(cuts, 0.0, 0.0, np.zeros(0, np.intp), np.zeros(0))

    @classmethod
    def _laid(cls, cuts: np.ndarray, cells: int) -> "Grid | None":
        """The grid of so many cells; None where two cuts would share one."""
        if len(cuts) < 2 or not np.abs(cuts).max() < 1e300:
            return None
        low, width = float(cuts[0]), float(cuts[-1] - cuts[0])
        scale = (cells - 1) / width
        if not np.isfinite(scale):
            return None
        place = _cells(cuts, low, scale, cells)
        if (np.diff(place) == 0).any():
            return None
        below = np.zeros(cells, np.intp)
        below[place[place < cells - 1] + 1] = 1
        cut = np.full(cells, np.inf)
        cut[place] = cuts
        return cls(cuts, low, scale, below.cumsum(), cut)

    def bins(self, value: np.ndarray) -> np.ndarray:
        """How many cuts are smaller than each value: (n,); one more than all cuts where it is NaN.

        The cell of a value is a monotone function of it, so a value in another cell than a cut is on the side of that
        cell, and only the cut in its own cell must be compared: the same answer as a search, to the last bit.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            some = np.isnan(value.sum())  # one quick pass; infinities of both signs make it look closer for nothing
        unknown = np.isnan(value) if some else None
        if len(self.cut):
            cell = _cells(
                value if unknown is None else np.where(unknown, self.low, value), self.low, self.scale, len(self.cut)
            )
            found = self.below.take(cell, mode="clip")
            found += value > self.cut.take(cell, mode="clip")
        else:
            found = np.searchsorted(self.cuts, value, side="left")
        return found if unknown is None else np.where(unknown, len(self.cuts) + 1, found)


def _cells(value: np.ndarray, low: float, scale: float, cells: int) -> np.ndarray:
    """The cell of each value; below 0 for what is left of the grid, so look up with `mode="clip"`."""
    with np.errstate(over="ignore", invalid="ignore"):  # beyond the largest number is beyond the last cell
        scaled = value - low
        scaled *= scale
        return np.minimum(scaled, cells - 1, out=scaled).astype(np.intp)
