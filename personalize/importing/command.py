"""What the four import commands share: their arguments, progress and exit code."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from personalize.importing.table import BadFile, Kind, run

BY = "system:import"


def add_arguments(parser: ArgumentParser) -> None:
    """FILE and --dry-run."""
    parser.add_argument("file", type=Path, help="CSV with a header, or NDJSON; .gz too")
    parser.add_argument("--dry-run", action="store_true", help="check and count everything, keep nothing")


def carry_out(command: BaseCommand, kind: Kind[Any], path: Path, *, dry_run: bool) -> None:
    """Run the import and say what became of it. Exit 0 all kept · 1 rows rejected · 2 the file was refused."""

    def told(done: int, total: int) -> None:
        command.stderr.write(f"{path.name}: {min(done, total) if total else done:,} of {total:,} rows")

    try:
        result = run(kind, path, dry_run=dry_run, by=BY, at=now(), told=told)
    except BadFile as error:
        raise CommandError(str(error), returncode=2) from None
    said = "would be" if dry_run else "are"
    command.stdout.write(
        f"{result.rows:,} rows: {result.new:,} {said} new or changed, {result.same:,} known already, "
        f"{result.rejected:,} rejected."
    )
    if result.rejected:
        raise CommandError(f"Rejected rows with their reasons: {result.rejects}", returncode=1)


def source(path: Path) -> str:
    """How values from this file name where they came from."""
    return f"import:{path.name}"[:80]
