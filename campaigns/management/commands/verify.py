"""`manage.py verify`: is a packet sound? With no argument: is the ledger?"""

import sys
import zipfile
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from compliance import anchors, ledger, packet_check


class Command(BaseCommand):
    """Exit code 0 when sound, 1 when something was altered, removed or added, 2 for what is no packet."""

    help = "Check a packet, or without one the whole ledger, and name the first thing that was altered."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("packet", nargs="?", type=Path, help="a packet's zip or folder")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path | None = options["packet"]
        if path is None:
            verdict = ledger.verify(outside=anchors.outside())
            self.stdout.write(verdict.fault or f"PASS {verdict.checked:,} entries, {verdict.unsealed:,} not sealed yet")
            sys.exit(0 if verdict.sound else 1)
        if not path.is_dir() and not zipfile.is_zipfile(path):
            raise CommandError(f"{path} is no packet.", returncode=2)
        sys.exit(packet_check.main([str(path)]))
