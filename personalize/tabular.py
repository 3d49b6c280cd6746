"""What the columns of a table mean to a model: what is read, what is worked out from it, what is left out and why."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from personalize import tabletext
from personalize.decide.features import CATEGORY, NUMBER, Column
from personalize.tabletext import Table, number, unknown

MOST_LEVELS, FEWEST_ROWS = 200, 5  # words that fewer rows have than this teach nothing
NUMERIC_SHARE = 0.97  # of the known cells of a number or a date
IDENTIFIES = re.compile(r"(^|[_\W])(id|uuid|guid|row|index|idx|key|ref|reference)$|[a-z](ID|Id|Key)$", re.IGNORECASE)
MONTHS = {name: number for number, name in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1)}  # fmt: skip
DAYS_BEFORE = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
FORMATS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y",
           "%Y/%m/%d", "%Y%m%d", "%y%m%d")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Derived:
    """A column worked out from others: "day_of_year" of a month and a day; "day_of_year", "weekday", "days" of a date.

    form  how the date is written, as strptime says; "" for a month and a day
    """

    code: str
    kind: str
    sources: tuple[str, ...]
    form: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a table is read: the columns of its matrix in order, those of them that are worked out, what was left out."""

    columns: tuple[Column, ...]
    derived: tuple[Derived, ...]
    left_out: dict[str, str]

    @property
    def seasonal(self) -> frozenset[str]:
        """Codes that say when in the year something was: in one year's rows they cannot be told from a trend."""
        return frozenset(one.code for one in self.derived if one.kind in ("day_of_year", "days"))


def reading(table: Table, *, without: Sequence[str]) -> Reading:
    """How to read a table. Left out: constants, identifiers, and words of which hardly any repeats."""
    columns: list[Column] = []
    derived: list[Derived] = []
    left_out: dict[str, str] = {}
    for name in (one for one in table.names if one not in without):
        known = [cell.strip() for cell in table.cells[name] if not unknown(cell)]
        dated = _dated(name, known)
        if not known:
            left_out[name] = "nothing is known in it"
        elif dated:
            derived += dated
        elif (read := _column(name, known)) is None:
            left_out[name] = "hardly any of its values repeats"
        elif why := _useless(name, table.cells[name], known, read):
            left_out[name] = why
        else:
            columns.append(read)
    derived += _calendar(table, columns)
    return Reading((*columns, *(Column(one.code, NUMBER) for one in derived)), tuple(derived), left_out)


def matrix(table: Table, columns: Sequence[Column], derived: Sequence[Derived]) -> tuple[np.ndarray, dict[str, int]]:
    """(n, F) float64 in the order of `columns`, and per column how many known cells it could not use."""
    made = {one.code: one for one in derived}
    x = np.full((table.n, len(columns)), np.nan)
    strange: dict[str, int] = {}
    for position, column in enumerate(columns):
        if column.code in made:
            x[:, position] = _worked_out(table, made[column.code])
            continue
        cells = table.cells[column.code]
        if column.kind == NUMBER:
            x[:, position] = [number(cell) for cell in cells]
        else:
            codes = {word: float(code) for code, word in enumerate(column.levels)}
            x[:, position] = [codes.get(cell.strip(), np.nan) for cell in cells]
        lost = sum(1 for at in np.flatnonzero(np.isnan(x[:, position])) if not unknown(cells[at]))
        if lost:
            strange[column.code] = lost
    return x, strange


def needed(columns: Sequence[Column], derived: Sequence[Derived]) -> list[str]:
    """The names of the table's own columns that these columns are made of."""
    made = {one.code: one.sources for one in derived}
    return list(dict.fromkeys(name for one in columns for name in made.get(one.code, (one.code,))))


def _column(name: str, known: list[str]) -> Column | None:
    """A number where nearly all cells read as one, else a category of its commonest words; None where none repeats."""
    if sum(1 for cell in known if math.isfinite(number(cell))) >= NUMERIC_SHARE * len(known):
        return Column(name, NUMBER)
    counts = Counter(known)
    fewest = FEWEST_ROWS if len(known) >= 200 else 2
    levels = tuple(sorted(word for word, n in counts.most_common(MOST_LEVELS) if n >= fewest))
    return Column(name, CATEGORY, levels) if levels else None


def _useless(name: str, cells: list[str], known: list[str], read: Column) -> str:
    """Why a column teaches nothing about rows to come; "" when it may."""
    if len(set(known)) == 1 and len(known) == len(cells):
        return "it never varies"
    if read.kind == NUMBER and len(known) >= 50:
        value = np.array([number(cell) for cell in known])
        value = value[np.isfinite(value)]
        different = len(np.unique(value)) / max(len(value), 1)
        if different > 0.5 and IDENTIFIES.search(name):
            return "it identifies rows"
        if different == 1.0 and (value == np.round(value)).all():
            steps = np.diff(value)
            dense = value.max() - value.min() < 1.1 * len(value)
            if dense or (steps > 0).all() or (steps < 0).all():
                return "it numbers the rows"
    return ""


def _dated(name: str, known: list[str]) -> list[Derived]:
    """What is worked out from a column of dates; nothing for any other column.

    A date that only grows with the rows is the file's own clock: its number of days would be the place in the file.
    """
    form = _form(name, known)
    if not form:
        return []
    days = np.array([found.toordinal() for cell in known if (found := _date(cell, form)) is not None])
    grows = bool((np.diff(days) >= 0).all() or (np.diff(days) <= 0).all())
    kinds = ("day_of_year", "weekday") if grows else ("day_of_year", "weekday", "days")
    return [Derived(f"{name} ({kind.replace('_', ' ')})", kind, (name,), form) for kind in kinds]


def _form(name: str, known: list[str]) -> str:
    """How nearly all cells write a date, as strptime says; "" when they do not."""
    some = known[:: max(1, len(known) // 50)]
    for form in FORMATS:
        bare = "-" not in form and "/" not in form and "." not in form
        if bare and "date" not in name.lower():
            continue  # eight digits are a date only where the name says so
        if some and sum(1 for cell in some if _date(cell, form) is not None) >= NUMERIC_SHARE * len(some):
            return form
    return ""


def _date(cell: str, form: str) -> datetime | None:
    text = cell.strip().removesuffix("Z")
    try:
        return datetime.strptime(text.partition(".")[0] if "%S" in form else text, form)  # noqa: DTZ007
    except ValueError:
        return None


def _calendar(table: Table, columns: Sequence[Column]) -> list[Derived]:
    """The day of the year where one column is a month and another a day of the month: together they are a date."""
    months = [one.code for one in columns if one.code.lower() in ("month", "mon", "contact_month")
              and _share(table.cells[one.code], lambda cell: _month(cell) is not None)]  # fmt: skip
    days = [one.code for one in columns if one.code.lower() in ("day", "day_of_month", "dom", "contact_day")
            and _share(table.cells[one.code], lambda cell: 1 <= number(cell) <= 31)]  # fmt: skip
    if not months or not days:
        return []
    return [Derived("day_of_year", "day_of_year", (months[0], days[0]))]


def _share(cells: Sequence[str], good: tabletext.Test) -> bool:
    known = [cell for cell in cells if not unknown(cell)]
    return sum(1 for cell in known if good(cell)) >= NUMERIC_SHARE * len(known)


def _month(cell: str) -> int | None:
    value = number(cell)
    if np.isfinite(value):
        return int(value) if 1 <= value <= 12 else None
    return MONTHS.get(cell.strip().lower()[:3])


def _worked_out(table: Table, one: Derived) -> np.ndarray:
    """The values of a derived column, NaN where its sources are not known."""
    if len(one.sources) == 2:
        pairs = zip(table.cells[one.sources[0]], table.cells[one.sources[1]], strict=True)
        return np.array([_day_of_year(month, day) for month, day in pairs], np.float64)
    cells = table.cells[one.sources[0]]
    found = {cell: _of_date(_date(cell, one.form), one.kind) for cell in set(cells)}
    return np.array([found[cell] for cell in cells], np.float64)


def _day_of_year(month: str, day: str) -> float:
    found, value = _month(month), number(day)
    return float("nan") if found is None or not 1 <= value <= 31 else DAYS_BEFORE[found - 1] + value


def _of_date(found: date | None, kind: str) -> float:
    if found is None:
        return float("nan")
    parts = {"day_of_year": found.timetuple().tm_yday, "weekday": found.weekday(), "days": found.toordinal()}
    return float(parts[kind])
