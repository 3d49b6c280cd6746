"""Tables as people keep them: CSV files, plain or gzip, whatever separates the cells, read as text by column."""

import codecs
import csv
import gzip
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from personalize.decide import features

UNKNOWN = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", "#n/a"})
SUCCESS = frozenset({"1", "yes", "true", "y", "t", "success", "positive", "pos"})
THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")
DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
SEPARATORS = ",;\t|"
BLOCK = 20_000

Test = Callable[[str], bool]


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
        first = text.readline()
        separator = _separator(first)
        lines = csv.reader(_again(first, text), strict=True, delimiter=separator)
        try:
            names = _named(name.strip() for name in next(lines, ()))
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


def outcomes(cells: Sequence[str], *, positive: str | None = None) -> tuple[np.ndarray, str]:
    """(n,) 0.0 and 1.0, and the word that means 1. Raises BadTable unless there are exactly two words.

    positive  the word that means 1; by default the larger of two numbers, the one word that says so (yes, true, …),
              or else the rarer of the two
    """
    words = [_plain(cell) for cell in cells]
    for row, cell in enumerate(cells, start=1):
        if unknown(cell):
            raise BadTable(f"row {row}: the target is not known")
    counts = Counter(words)
    kinds = sorted(counts)
    if len(kinds) != 2:
        shown = ", ".join(kinds[:5])
        raise BadTable(f"the target must have exactly two values, not {len(kinds)} ({shown})")
    if positive is None:
        positive = _success(counts)
    if (positive := _plain(positive)) not in kinds:
        raise BadTable(f"no row has the target {positive!r}; it has {kinds[0]!r} and {kinds[1]!r}")
    return np.array([word == positive for word in words], np.float64), positive


def _success(counts: Counter[str]) -> str:
    kinds = sorted(counts)
    if all(math.isfinite(number(word)) for word in kinds):
        return max(kinds, key=number)
    named = [word for word in kinds if word.lower() in SUCCESS]
    if len(named) == 1:
        return named[0]
    if counts[kinds[0]] == counts[kinds[1]]:
        raise BadTable(f"which of {kinds[0]!r} and {kinds[1]!r} is the success? Say it with --positive")
    return min(kinds, key=counts.__getitem__)


def _plain(cell: str) -> str:
    """A word of the target as words are compared: 1, 1.0 and " 1" are one."""
    value = number(cell)
    return features.level(value) if math.isfinite(value) else cell.strip()


def number(cell: str) -> float:
    """A cell's value, NaN for what is no number. Also reads 1,234.5 and 12,5 and 4 % and $10."""
    try:
        read = float(cell)
    except ValueError:
        text = cell.strip().strip("$£€%").strip()
        if THOUSANDS.fullmatch(text):
            text = text.replace(",", "")
        elif DECIMAL_COMMA.fullmatch(text):
            text = text.replace(",", ".")
        return features.number(text)
    return read if math.isfinite(read) else math.nan


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
    opened: IO[bytes] = gzip.GzipFile(fileobj=raw) if zipped else raw  # type: ignore[assignment]
    try:
        encoding = _encoding(opened)
        opened.seek(0)
    except (EOFError, gzip.BadGzipFile) as wrong:
        raise BadTable(f"{path}: the gzip file is damaged: {wrong}") from wrong
    return io.TextIOWrapper(opened, encoding=encoding, newline="")


def _encoding(opened: IO[bytes]) -> str:
    """UTF-8 where the whole file is, UTF-16 where it says so, else Windows' western alphabet."""
    start = opened.read(2)
    if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(start)
        while part := opened.read(1 << 20):
            decoder.decode(part)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _again(first: str, text: io.TextIOWrapper) -> Iterator[str]:
    yield first
    yield from text


def _separator(header: str) -> str:
    """What separates the names of the header: the candidate that makes most of them, a comma where none does."""

    def fields(separator: str) -> int:
        try:
            return len(next(csv.reader([header], delimiter=separator), ()))
        except csv.Error:
            return 0

    return max(SEPARATORS, key=fields)


def _named(names: Iterator[str]) -> tuple[str, ...]:
    """The header; a first column without a name, as spreadsheets and data frames write their index, becomes "index"."""
    found = tuple(names)
    return ("index", *found[1:]) if len(found) > 1 and not found[0] and "index" not in found else found


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
