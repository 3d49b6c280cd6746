"""Read a file row by row, keep the good rows in batches, and name every row that is refused."""

import csv
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from django.db import transaction

from compliance import ledger, untrusted
from compliance.web import acting

BATCH, LONGEST_LINE = 2_000, 1_000_000
# Spreadsheets run a cell that starts with one of these (OWASP, CSV injection); a quote before it makes it text.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
Clean = TypeVar("Clean")


class BadFile(Exception):
    """The whole file is refused, and why. Nothing was written."""


class Fault(ValueError):
    """One row is refused: the field and the reason."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason = field, reason


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file; `number` is its line as a person counts, the header being 1."""

    number: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file: rows = new + same + rejected. `rejects` is the file that names the rejected ones."""

    rows: int
    new: int
    same: int
    rejected: int
    rejects: Path | None


@dataclass(frozen=True, slots=True)
class Kind(Generic[Clean]):
    """What is imported.

    required  columns that a file must have, each a tuple of names of which one is enough
    optional  further columns · prefixes  starts of names that are free, e.g. "declared."
    check     one row → its clean form; raises Fault
    write     clean rows with their numbers → (how many were new, faults that only the database could find)
    """

    name: str
    required: tuple[tuple[str, ...], ...]
    optional: frozenset[str]
    prefixes: tuple[str, ...]
    check: Callable[[Row], Clean]
    write: Callable[[Sequence[tuple[int, Clean]]], tuple[int, dict[int, Fault]]]


def run(
    kind: Kind[Clean], path: Path, *, dry_run: bool, by: str, at: datetime, told: Callable[[int, int], None]
) -> Imported:
    """Import a file. Good rows go in in batches of 2,000, each a transaction; a dry run rolls every one back.

    told  called with (rows done, rows in all) after each batch
    Raises BadFile when the file cannot be read or its header is wrong; then nothing was written.
    """
    total, digest = measure(path)
    rejects = _Rejects(path)
    new = same = seen = 0
    with acting(by), rejects:
        for batch in _batches(read(path, kind), kind, rejects):
            seen += batch.read
            with transaction.atomic():
                added, faults = kind.write(batch.clean) if batch.clean else (0, {})
                if dry_run:
                    transaction.set_rollback(True)
            for number, fault in sorted(faults.items()):
                rejects.add(number, fault)
            new, same = new + added, same + len(batch.clean) - len(faults) - added
            told(seen, total)
        if not dry_run:
            facts = {"file": path.name, "sha256": digest, "new": new, "same": same, "rejected": rejects.count}
            ledger.record(f"{kind.name}.imported", by=by, at=at, about=f"import:{digest[:16]}", facts=facts)
    return Imported(new + same + rejects.count, new, same, rejects.count, rejects.path if rejects.count else None)


def measure(path: Path) -> tuple[int, str]:
    """How many lines the file has, and its SHA-256. Raises BadFile if it cannot be read to its end."""
    digest, lines = hashlib.sha256(), 0
    try:
        with path.open("rb") as raw:
            while piece := raw.read(1 << 20):
                digest.update(piece)
        with _open(path) as stream:
            while piece := stream.read(1 << 20):
                lines += piece.count(b"\n")
    except (OSError, EOFError, zlib.error) as error:
        raise BadFile(f"{path} cannot be read: {error}") from None
    if not digest or path.stat().st_size == 0:
        raise BadFile(f"{path} is empty")
    return lines, digest.hexdigest()


def read(path: Path, kind: Kind[Any]) -> Iterator[Row | tuple[int, Fault]]:
    """The rows of a CSV or NDJSON file; a line that is no row comes as (number, Fault). Raises BadFile."""
    with _open(path) as stream:
        start = stream.peek(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"{":
        return _ndjson(path, kind)
    return _csv(path, kind)


def _open(path: Path) -> io.BufferedReader:
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    return io.BufferedReader(gzip.open(path, "rb")) if packed else path.open("rb")  # type: ignore[arg-type]


def _csv(path: Path, kind: Kind[Any]) -> Iterator[Row | tuple[int, Fault]]:
    # Bytes that are no UTF-8 become lone surrogates, which the check below refuses row by row.
    stream = io.TextIOWrapper(_open(path), encoding="utf-8-sig", errors="surrogateescape", newline="")
    with stream:
        # Spreadsheets in half of Europe write semicolons.
        first = stream.buffer.peek(4096).splitlines()[:1]  # type: ignore[attr-defined]
        delimiter = ";" if first and first[0].count(b";") > first[0].count(b",") else ","
        lines = csv.reader(stream, strict=True, delimiter=delimiter)
        try:
            header = [name.strip() for name in next(lines)]
        except (StopIteration, csv.Error):
            raise BadFile(f"{path} has no header") from None
        check_header(header, kind)
        while True:
            number = lines.line_num + 1
            try:
                cells = next(lines)
            except StopIteration:
                return
            except csv.Error as error:
                yield number, Fault("", f"not readable as CSV: {error}")
                continue
            if not cells:
                continue
            if len(cells) != len(header):
                yield number, Fault("", f"{len(cells)} cells where the header has {len(header)}")
                continue
            try:
                untrusted.check(cells)
            except ValueError as error:
                yield number, Fault("", str(error))
                continue
            yield Row(number, {name: cell.strip() for name, cell in zip(header, cells, strict=True)})


def _ndjson(path: Path, kind: Kind[Any]) -> Iterator[Row | tuple[int, Fault]]:
    with _open(path) as stream:
        number = 0
        while line := stream.readline(LONGEST_LINE + 1):
            number += 1
            if not line.strip():
                continue
            try:
                value = untrusted.load_json(line.removeprefix(b"\xef\xbb\xbf"))
            except ValueError as error:
                yield number, Fault("", f"not usable JSON: {error}")
                continue
            if not isinstance(value, dict):
                yield number, Fault("", "a line must be one object")
                continue
            yield Row(number, value)


def check_header(header: Sequence[str], kind: Kind[Any]) -> None:
    """Raise BadFile naming what is missing, unknown or there twice."""
    known = {name for names in kind.required for name in names} | kind.optional
    twice = sorted({name for name in header if header.count(name) > 1})
    missing = ["/".join(names) for names in kind.required if not set(names) & set(header)]
    unknown = [name for name in header if name not in known and not name.startswith(kind.prefixes or ("\x00",))]
    for words, names in (("lacks", missing), ("has twice", twice), ("does not know", unknown)):
        if names:
            allowed = ", ".join([*sorted(known), *(f"{prefix}…" for prefix in kind.prefixes)])
            raise BadFile(f"The header {words}: {', '.join(names)}. Columns are: {allowed}.")


@dataclass(frozen=True, slots=True)
class _Batch(Generic[Clean]):
    read: int
    clean: list[tuple[int, Clean]]


def _batches(
    lines: Iterator[Row | tuple[int, Fault]], kind: Kind[Clean], rejects: "_Rejects"
) -> Iterator[_Batch[Clean]]:
    clean: list[tuple[int, Clean]] = []
    seen = 0
    for line in lines:
        seen += 1
        if isinstance(line, Row):
            try:
                clean.append((line.number, kind.check(line)))
            except Fault as fault:
                rejects.add(line.number, fault)
        else:
            rejects.add(*line)
        if seen == BATCH:
            yield _Batch(seen, clean)
            clean, seen = [], 0
    if seen:
        yield _Batch(seen, clean)


class _Rejects:
    """FILE.rejected.csv: row number, field, reason. Written only when there is something to say."""

    def __init__(self, path: Path) -> None:
        self.path, self.count = path.with_name(path.name + ".rejected.csv"), 0
        self._stream: io.TextIOWrapper | None = None

    def __enter__(self) -> "_Rejects":
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(self, *error: object) -> None:
        if self._stream:
            self._stream.close()

    def add(self, number: int, fault: Fault) -> None:
        """Name one row."""
        if self._stream is None:
            self._stream = self.path.open("w", encoding="utf-8", newline="")
            csv.writer(self._stream).writerow(("row", "field", "reason"))
        self.count += 1
        csv.writer(self._stream).writerow((number, safe_cell(fault.field), safe_cell(fault.reason)))


def safe_cell(text: str) -> str:
    """A text that no spreadsheet runs as a formula."""
    shown = text.encode("utf-8", "replace").decode()
    return f"'{shown}" if shown.startswith(FORMULA) else shown


def text(row: Row, *names: str, longest: int, required: bool = False) -> str:
    """The first of the named fields that is there, as a text. Raises Fault."""
    for name in names:
        value = row.values.get(name)
        if value is None or value == "":
            continue
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise Fault(name, "must be a text")
        if len(str(value)) > longest:
            raise Fault(name, f"longer than {longest} characters")
        return str(value)
    if required:
        raise Fault(names[0], "is missing")
    return ""


def moment(row: Row, *names: str, at: datetime) -> datetime | None:
    """The first of the named fields that is there, as a time; without a zone it is UTC. Raises Fault."""
    for name in names:
        value = row.values.get(name)
        if value in (None, ""):
            continue
        try:
            when = datetime.fromisoformat(str(value).strip())
            when = (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise Fault(name, "is not an ISO 8601 date or time") from None
        if when.year < 1900 or when > at:
            raise Fault(name, "is in the future or before 1900")
        return when
    return None


def scalar(value: Any) -> Any:
    """A CSV cell as JSON has it: numbers, true and false become themselves, everything else stays a text."""
    if not isinstance(value, str):
        return value
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        return value
    is_number = isinstance(parsed, int | float) and abs(parsed) < 2**53
    return parsed if is_number or isinstance(parsed, bool) else value
