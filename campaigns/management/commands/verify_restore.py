"""Prove that a backup can be restored: look through a restored copy, and record it here."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils.timezone import now

from campaigns import restoring
from compliance.models import Staff


class Command(BaseCommand):
    help = (
        "Looks through the restored copy that RESTORED_DATABASE_URL names (tables, the whole ledger with the "
        "checkpoints outside, erasures, fence, every run's numbers) and records in this installation that it is whole. "
        "Nothing is changed in the copy. Exit code 1 when something is wrong with it, 2 when it cannot be asked."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--by", required=True, help="sign-in of who restored it")

    def handle(self, *args: Any, **options: Any) -> None:
        staff = Staff.objects.filter(username=options["by"], is_active=True).first()
        if staff is None:
            raise CommandError(f"Nobody active signs in as {options['by']!r}.", returncode=2)
        if settings.RESTORED_DATABASE is None:
            raise CommandError("RESTORED_DATABASE_URL names no copy.", returncode=2)
        try:
            found = restoring.verify(settings.RESTORED_DATABASE, by=staff, at=now())
        except restoring.Unsound as why:
            raise CommandError(f"NOT VERIFIED. {why}") from None
        except DatabaseError as error:
            raise CommandError(f"The copy cannot be asked: {error}", returncode=2) from None
        self.stdout.write(
            f"PASS {found.entries:,} ledger entries, {found.runs:,} runs that add up, {found.erased:,} deeds of the "
            f"erasure log repeated; a backup of {found.backup_at:%Y-%m-%d %H:%M:%S} UTC. Recorded."
        )
