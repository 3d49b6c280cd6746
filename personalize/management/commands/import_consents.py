"""manage.py import_consents FILE."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.timezone import now

from personalize.importing import command, consents


class Command(BaseCommand):
    help = "Consents from FILE. Columns: user_id, purpose, channel, granted, occurred_at, wording_version, source."

    def add_arguments(self, parser: ArgumentParser) -> None:
        command.add_arguments(parser)

    def handle(self, *, file: Path, dry_run: bool, **options: Any) -> None:
        command.carry_out(
            self, consents.kind(source=command.source(file), by=command.BY, at=now()), file, dry_run=dry_run
        )
