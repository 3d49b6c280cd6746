"""Tables as people keep them: CSV files, plain or gzip, read as columns of numbers and words."""

import csv
import gzip
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from personalize.decide.features import CATEGORY, NUMBER, Column, number

UNKNOWN = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
MOST_LEVELS, FEWEST_ROWS = 200, 5  # words that fewer rows have than this teach nothing
BLOCK = 20_000


class BadTable(Exception):
    """The file cannot be used; the message says which row or column and why. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as text: the header and, for each column, its cells."""

    names: tuple[str, ...]
    cells: dict[str, list[str]]

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.cells[self.names[0]])


def read(path: Path) -> Table:
    """The whole file. Raises BadTable."""
    blocks = list(read_blocks(path))
    if not blocks:
        raise BadTable(f"{path}: there is a header but no row")
    names = blocks[0].names
    return Table(names, {name: [cell for block in blocks for cell in block.cells[name]] for name in names})


def read_blocks(path: Path, *, rows: int = BLOCK) -> Iterator[Table]:
    """The file as tables of up to `rows` rows, so that memory stays flat. Rows are counted from 1 in what is raised."""
    with _text(path) as text:
        lines = csv.reader(text, strict=True)
        try:
            names = tuple(name.strip() for name in next(lines, ()))
            _check_header(path, names)
            held: list[list[str]] = []
            for line in lines:
                if not line:
                    continue
                if len(line) != len(names):
                    raise BadTable(f"{path}: line {lines.line_num} has {len(line)} fields, the header has {len(names)}")
                held.append(line)
                if len(held) == rows:
                    yield _table(names, held)
                    held = []
            if held:
                yield _table(names, held)
        except (csv.Error, UnicodeDecodeError) as wrong:
            raise BadTable(f"{path}: line {lines.line_num + 1} cannot be read as CSV: {wrong}") from wrong
        except (EOFError, gzip.BadGzipFile) as wrong:
            raise BadTable(f"{path}: the gzip file is damaged: {wrong}") from wrong


def columns(table: Table, *, without: Sequence[str]) -> tuple[Column, ...]:
    """What each column means: a number where 99 % of the cells that are known read as one, else a category.

    A category keeps its commonest words, at most 200 that at least 5 rows have; others are as good as not known.
    A column with nothing usable is left out.
    """
    found = []
    for name in table.names:
        if name in without:
            continue
        known = [cell for cell in table.cells[name] if not unknown(cell)]
        if not known:
            continue
        if sum(1 for cell in known if np.isfinite(number(cell))) >= 0.99 * len(known):
            found.append(Column(name, NUMBER))
            continue
        counts = Counter(cell.strip() for cell in known)
        levels = tuple(sorted(word for word, n in counts.most_common(MOST_LEVELS) if n >= FEWEST_ROWS))
        if levels:
            found.append(Column(name, CATEGORY, levels))
    return tuple(found)


def matrix(table: Table, read: Sequence[Column]) -> tuple[np.ndarray, dict[str, int]]:
    """(n, F) float64 in the order of `read`, and per column how many known cells it could not use."""
    x = np.full((table.n, len(read)), np.nan)
    strange: dict[str, int] = {}
    for position, column in enumerate(read):
        cells = table.cells[column.code]
        if column.kind == NUMBER:
            x[:, position] = [number(cell) for cell in cells]
        else:
            codes = {word: float(code) for code, word in enumerate(column.levels)}
            x[:, position] = [codes.get(cell.strip(), np.nan) for cell in cells]
        lost = sum(
            1 for cell, value in zip(cells, x[:, position], strict=True) if np.isnan(value) and not unknown(cell)
        )
        if lost:
            strange[column.code] = lost
    return x, strange


def outcomes(cells: Sequence[str], *, positive: str | None = None) -> tuple[np.ndarray, str]:
    """(n,) 0.0 and 1.0, and the word that means 1. Raises BadTable unless there are exactly two words.

    positive  the word that means 1; by default 1, yes, true, y or t where one of the two is that
    """
    words = [cell.strip() for cell in cells]
    for row, word in enumerate(words, start=1):
        if unknown(word):
            raise BadTable(f"row {row}: the target is not known")
    kinds = sorted(set(words))
    if len(kinds) != 2:
        shown = ", ".join(kinds[:5])
        raise BadTable(f"the target must have exactly two values, not {len(kinds)} ({shown})")
    if positive is None:
        named = [word for word in kinds if word.lower() in {"1", "1.0", "yes", "true", "y", "t"}]
        if len(named) != 1:
            raise BadTable(f"which of {kinds[0]!r} and {kinds[1]!r} is the success? Say it with --positive")
        positive = named[0]
    if positive not in kinds:
        raise BadTable(f"no row has the target {positive!r}; it has {kinds[0]!r} and {kinds[1]!r}")
    return np.array([word == positive for word in words], np.float64), positive


def unknown(cell: str) -> bool:
    """Whether a cell says that nothing is known: empty, NA, null, ? and the like."""
    return cell.strip().lower() in UNKNOWN


def _text(path: Path) -> io.TextIOWrapper:
    try:
        raw = path.open("rb")
    except OSError as wrong:
        raise BadTable(f"{path}: {wrong.strerror or wrong}") from wrong
    zipped = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    return io.TextIOWrapper(gzip.GzipFile(fileobj=raw) if zipped else raw, encoding="utf-8-sig", newline="")


def _table(names: tuple[str, ...], lines: list[list[str]]) -> Table:
    return Table(names, {name: list(column) for name, column in zip(names, zip(*lines, strict=True), strict=True)})


def _check_header(path: Path, names: tuple[str, ...]) -> None:
    if not any(names):
        raise BadTable(f"{path}: the file is empty")
    if "" in names:
        raise BadTable(f"{path}: column {names.index('') + 1} has no name")
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise BadTable(f"{path}: the column {twice[0]!r} appears twice")
