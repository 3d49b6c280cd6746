"""manage.py import_groups FILE."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.timezone import now

from personalize.importing import command, groups


class Command(BaseCommand):
    help = (
        "Protected groups of clients, for fairness testing alone, from FILE. Columns: user_id, attribute, group, basis "
        "(volunteered with consented_at; audit; area or proxy with probability). They can be counted, never read again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        command.add_arguments(parser)

    def handle(self, *, file: Path, dry_run: bool, **options: Any) -> None:
        command.carry_out(self, groups.kind(source=command.source(file), at=now()), file, dry_run=dry_run)
