"""route: sensitive topics and copy rules of many texts, no database."""

import argparse
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from compliance import routing
from compliance.words import lint

MAX_CHARS = 200_000
MAX_SHOWN = 20  # bad rows named before "and N more"


class BadRow(ValueError):
    """A line that cannot be judged; the message says why. Nothing was written."""


class Command(BaseCommand):
    help = (
        'Reads {"id","text","style","market"} a line and writes {"id","route","topics","lint","findings"} a line, in '
        "the same order. A bad line stops it before anything is written. Needs no database; nothing leaves the machine."
    )
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", metavar="IN.jsonl", type=Path, help="one JSON object a line, .gz too")
        parser.add_argument("out", metavar="OUT.jsonl", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        out: Path = options["out"]
        beside = out.with_name(out.name + ".part")
        try:
            rows = _rows(options["file"])
            with beside.open("w", encoding="utf-8") as text:
                routed = self._written(text, rows)
            beside.replace(out)
        except BadRow as why:
            raise CommandError(str(why)) from why
        except (OSError, UnicodeDecodeError) as why:
            raise CommandError(f"{getattr(why, 'filename', None) or options['file']}: {why}") from why
        finally:
            beside.unlink(missing_ok=True)
        ruleset = routing.ruleset(lint.shipped())[:12]
        self.stdout.write(f"{len(rows):,} texts judged, {routed:,} for a person, ruleset {ruleset}")

    def _written(self, text: Any, rows: list[dict[str, Any]]) -> int:
        routed = 0
        for number, row in enumerate(rows, 1):
            found = routing.route(row["text"], style=row["style"], market=row["market"], book=lint.shipped())
            routed += found.must_review
            answer = {
                "id": row["id"],
                "route": found.must_review,
                "topics": found.topics,
                "lint": found.lint,
                "findings": [
                    {name: one[name] for name in ("rule", "start", "end", "citation")} for one in found.findings
                ],
            }
            text.write(json.dumps(answer, ensure_ascii=False) + "\n")
            if number % 5_000 == 0:
                self.stderr.write(f"{number:,} of {len(rows):,} …")
        return routed


def _rows(path: Path) -> list[dict[str, Any]]:
    """Every row of the file, all of them checked. Raises BadRow naming each bad line."""
    good: list[dict[str, Any]] = []
    bad: list[str] = []
    for number, line in _lines(path):
        try:
            good.append(_row(line))
        except BadRow as why:
            bad.append(f"row {number}: {why}")
    if bad:
        more = f"\nand {len(bad) - MAX_SHOWN:,} more" if len(bad) > MAX_SHOWN else ""
        raise BadRow(f"{path}: nothing was written.\n" + "\n".join(bad[:MAX_SHOWN]) + more)
    return good


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="\n") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, line


def _row(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as why:
        raise BadRow(f"not JSON ({why})") from why
    if not isinstance(row, dict):
        raise BadRow("not an object")
    if isinstance(row.get("id"), bool) or not isinstance(row.get("id"), str | int):
        raise BadRow("id is missing or neither text nor a whole number")
    if not isinstance(row.get("text"), str):
        raise BadRow("text is missing or not text")
    if len(row["text"]) > MAX_CHARS:
        raise BadRow(f"text has more than {MAX_CHARS:,} characters")
    if any("\ud800" <= letter <= "\udfff" for letter in row["text"]):
        raise BadRow("text holds half of a surrogate pair")
    if row.get("style") not in lint.STYLES:
        raise BadRow(f"style {row.get('style')!r} is not one of {', '.join(lint.STYLES)}")
    if not isinstance(row.get("market"), str) or not row["market"]:
        raise BadRow("market is missing")
    return row
