"""End the doubt about messages whose answer never came, from the mail server's own log."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from campaigns.sending import delivery, evidence
from compliance.web import acting


class Command(BaseCommand):
    help = "Settles unconfirmed messages by what a mail server's log (Postfix's form) says of our own key. Repeatable."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--log", type=Path, required=True, help="the mail server's log")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be settled")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with acting("system:resolve"):
                if not options["dry_run"]:
                    delivery.recover()
                found = evidence.settle_from_log(
                    options["log"], by="system:resolve", at=now(), is_dry=options["dry_run"]
                )
        except OSError as error:
            raise CommandError(f"{options['log']}: {error.strerror}", returncode=2) from None
        would = "would be " if options["dry_run"] else ""
        self.stdout.write(
            f"{found['sent']:,} {would}settled as sent, {found['bounced']:,} as bounced; "
            f"the log does not know {found['unknown']:,}."
        )
