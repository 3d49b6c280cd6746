"""manage.py import_suppressions FILE."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.timezone import now

from personalize.importing import command, suppressions


class Command(BaseCommand):
    help = "Addresses nobody may write to, from FILE. Columns: email, channel, reason or status, source, since."

    def add_arguments(self, parser: ArgumentParser) -> None:
        command.add_arguments(parser)

    def handle(self, *, file: Path, dry_run: bool, **options: Any) -> None:
        command.carry_out(self, suppressions.kind(source=command.source(file), at=now()), file, dry_run=dry_run)
