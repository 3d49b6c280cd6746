"""manage.py import_screenings FILE."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.timezone import now

from personalize.importing import command, screenings


class Command(BaseCommand):
    help = (
        "What a register of people who want no sales calls said, from FILE. Columns: user_id, register (tps or dnc), "
        "listed (true or false), screened_on (a day)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        command.add_arguments(parser)

    def handle(self, *, file: Path, dry_run: bool, **options: Any) -> None:
        command.carry_out(self, screenings.kind(source=command.source(file), at=now()), file, dry_run=dry_run)
