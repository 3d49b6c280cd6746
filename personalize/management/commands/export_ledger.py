"""`manage.py export_ledger OUT.zip`: every sealed entry, the checkpoints and the script that checks them."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from compliance import ledger_export


class Command(BaseCommand):
    help = "Write the whole sealed ledger; unpack and run `python3 verify.py`, or `manage.py verify OUT.zip`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("out", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        written = ledger_export.write(options["out"], tell=self._tell)
        self.stdout.write(f"{written:,} entries in {options['out']}")

    def _tell(self, entries: int) -> None:
        if entries and entries % 100_000 == 0:
            self.stderr.write(f"  {entries:,} entries")
