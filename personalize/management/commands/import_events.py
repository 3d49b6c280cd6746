"""manage.py import_events FILE."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.timezone import now

from personalize import sources
from personalize.importing import command, events


class Command(BaseCommand):
    help = "Events from FILE: Segment's shape as NDJSON, or CSV with user_id, event, timestamp, properties.KEY."

    def add_arguments(self, parser: ArgumentParser) -> None:
        command.add_arguments(parser)

    def handle(self, *, file: Path, dry_run: bool, **options: Any) -> None:
        command.carry_out(self, events.kind(source=sources.of_files(now()), at=now()), file, dry_run=dry_run)
