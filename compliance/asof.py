"""What stood at a past instant, read off the ledger's row images: any record, any table, with who made it so.

An image shows the row from the statement on that changed it; what its transaction undid left no image.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from compliance import bulk


@dataclass(frozen=True, slots=True)
class Then:
    """A row as it was: its values, the entry that says so, and since when by whom it had been like that.

    whole  False where the image leaves columns out (personal values, long texts): `row_hash` in it still tells them
    """

    about: str
    row: dict[str, Any]
    entry: int
    since: datetime
    by: str

    @property
    def whole(self) -> bool:
        """Whether every column is here."""
        return "row_hash" not in self.row


def record(table: str, key: object, *, at: datetime) -> Then | None:
    """One row as it was at an instant; None when it was not there (yet, or any more)."""
    about = f"{table}:{key}"
    return _then(bulk.as_of(about, at=at), about)


def records(table: str, *, at: datetime, **fact: int) -> list[Then]:
    """Every row that a table had at an instant; with one fact, as in client_id=17, those rows alone."""
    name, value = next(iter(fact.items()), ("", 0))
    rows = bulk.all_as_of(table, at=at, fact=name, value=value)
    return [one for one in (_then(row[:5], row[5]) for row in rows) if one]


def _then(row: tuple[Any, ...] | None, about: str) -> Then | None:
    if row is None or row[1] == "row.delete":
        return None
    return Then(about, json.loads(row[2]), row[0], row[3], row[4])
