"""manage.py import_clients FILE."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.timezone import now

from personalize.importing import clients, command


class Command(BaseCommand):
    help = "Clients, and what they declared, from FILE. Columns: user_id, email, first_name, …, declared.KEY."

    def add_arguments(self, parser: ArgumentParser) -> None:
        command.add_arguments(parser)

    def handle(self, *, file: Path, dry_run: bool, **options: Any) -> None:
        command.carry_out(self, clients.kind(source=command.source(file), at=now()), file, dry_run=dry_run)
