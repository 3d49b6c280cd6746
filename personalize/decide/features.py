"""From values to numbers: what a column of the matrix means, and how words become its codes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

NUMBER, CATEGORY = "number", "category"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a feature matrix.

    kind    "number": the value itself; "category": the index of the word in `levels`
    levels  the words of a category, in the order of their codes; () for a number
    NaN is "not known" for both; a word that is not in `levels` is not known either.
    """

    code: str
    kind: str
    levels: tuple[str, ...] = ()


def word(text: str) -> str:
    """A declared answer as answers are compared: lower case, blanks and hyphens as one underscore."""
    return "_".join(text.lower().replace("-", " ").split())


def level(value: object) -> str:
    """A category's value as text: "true" for True, "3" for 3.0, else the text as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def number(value: object) -> float:
    """A number's value, NaN for whatever is not a finite number."""
    if isinstance(value, bool):
        return float(value)
    try:
        read = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan
    return read if math.isfinite(read) else math.nan


def encode(columns: Sequence[Column], values: Mapping[str, Sequence[object]], n: int) -> np.ndarray:
    """The (n, F) float64 matrix of `columns` from values by code; a code that is absent, None or "" is NaN."""
    x = np.full((n, len(columns)), np.nan)
    for position, column in enumerate(columns):
        given = values.get(column.code)
        if given is None:
            continue
        if column.kind == NUMBER:
            x[:, position] = [number(one) for one in given]
        else:
            codes = {one: float(index) for index, one in enumerate(column.levels)}
            x[:, position] = [math.nan if one is None else codes.get(level(one), math.nan) for one in given]
    return x


def scatter(
    ids: np.ndarray, starts: np.ndarray, *, clients: np.ndarray, positions: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """The (n, F) float32 matrix that (client, position, value) triplets describe.

    ids        (n,) int64, ascending
    starts     (F,) what a column holds where no triplet speaks: 0 for counts, NaN for what is not known
    clients, positions, values  (m,) the triplets; a client that is not in ids is left out
    """
    x = np.tile(np.asarray(starts, np.float32), (len(ids), 1))
    if len(ids) and len(clients):
        rows = np.minimum(np.searchsorted(ids, clients), len(ids) - 1)
        known = ids[rows] == clients
        x[rows[known], positions[known]] = values[known]
    return x
